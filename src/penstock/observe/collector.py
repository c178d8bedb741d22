"""Counts and measures units of work by class, and knows the latest of them one by one, in bounded memory.

Taking a fact costs an append; what it means is worked out some hundreds at a time, or when somebody asks.
"""

from __future__ import annotations

import threading
from collections import Counter, OrderedDict, deque
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from penstock.model.subjects import Subject
from penstock.observe.figures import AggregatedMetrics, ProcessMetrics
from penstock.observe.series import Series
from penstock.observe.told import CANCELLED, COMPLETED, FAILED, STARTED, STATUS, Told

KEPT_PROCESSES: Final = 1_000
KEPT_CLASSES: Final = 1_000
KEPT_RUNNING: Final = 100_000
OTHERS: Final = "(others)"
"""The class of what comes when there are too many classes already."""

BATCH: Final = 256
_ENDS: Final = frozenset({COMPLETED, FAILED, CANCELLED})


class MetricsCollector:
    """`processes` is how many units of work are known one by one. Any thread may tell and ask."""

    def __init__(self, processes: int = KEPT_PROCESSES) -> None:
        self._most = processes
        self._ended: deque[Told] = deque()  # not in what follows yet
        self._running: dict[Told, None] = {}
        self._by_hand: dict[str, Told] = {}  # what `handle` was told has started
        self._lock = threading.Lock()
        self._forget()

    # What it is told

    def hear(self, told: Told) -> None:
        """A fact: see penstock.observe.told.Sink."""
        if told.type == STARTED:
            self._running[told] = None
        elif told.type in _ENDS:
            if told.began is not None:
                self._running.pop(told.began, None)
            self._ended.append(told)
            if len(self._ended) >= BATCH:
                self._work_off()

    def handle(self, event: Mapping[str, Any]) -> None:
        """An event as subscribers are given it: `bus.subscribe("*", collector.handle)` counts what is emitted by hand."""
        kind = event.get("type")
        if kind not in STATUS or "process_id" not in event:
            return
        id = str(event["process_id"])
        told = _told_by(event, id, self._by_hand.pop(id, None) if kind in _ENDS else None)
        if kind == STARTED and len(self._by_hand) < self._most:
            self._by_hand[id] = told
        self.hear(told)

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._ended.clear()
            self._running.clear()
            self._by_hand.clear()
            self._forget()

    # What it says

    def get_metrics(self, process_id: str) -> ProcessMetrics | None:
        """The latest execution of a unit; None if it is not known, or no more."""
        return self.get_all_metrics().get(process_id)

    def get_aggregated_metrics(self, process_class: str) -> AggregatedMetrics:
        """All executions of a class; zeros for one that is not known."""
        return self.get_all_aggregated().get(process_class) or AggregatedMetrics(process_class)

    def get_all_metrics(self) -> dict[str, ProcessMetrics]:
        """The units that are known one by one, by id, those that run last."""
        with self._lock:
            self._work_in()
            known = list(self._known.values())
        return {told.subject.id: _process(told) for told in [*known, *_copied(self._running)]}

    def get_all_aggregated(self) -> dict[str, AggregatedMetrics]:
        """All classes by name."""
        running = Counter(told.subject.kind for told in _copied(self._running))
        with self._lock:
            self._work_in()
            names = sorted(self._classes.keys() | running.keys())
            return {name: self._classes.get(name, _NONE).aggregated(name, running[name]) for name in names}

    def get_summary(self) -> dict[str, Any]:
        """Everything taken together."""
        every = self.get_all_aggregated().values()
        successful = sum(each.successful_executions for each in every)
        failed = sum(each.failed_executions for each in every)
        spent = sum(each.total_execution_time_ms for each in every)
        judged = successful + failed
        return {
            "total_executions": sum(each.total_executions for each in every),
            "successful_executions": successful,
            "failed_executions": failed,
            "cancelled_executions": sum(each.cancelled_executions for each in every),
            "running_executions": sum(each.running_executions for each in every),
            "success_rate": successful / judged if judged else 0.0,
            "total_execution_time_ms": spent,
            "avg_execution_time_ms": spent / judged if judged else 0.0,
            "process_classes": [each.process_class for each in every],
        }

    # Inside

    def _forget(self) -> None:
        self._known: OrderedDict[str, Told] = OrderedDict()
        self._classes: dict[str, _Class] = {}

    def _work_off(self) -> None:
        with self._lock:
            self._work_in()
        if len(self._running) > KEPT_RUNNING:  # most of them left this process, and were never heard of again
            self._running.clear()

    def _work_in(self) -> None:
        ended, known, classes = self._ended, self._known, self._classes
        while ended:
            told = ended.popleft()
            id, _, kind, _ = told.subject
            found = classes.get(kind)
            if found is None:
                found = self._class_of(kind)
            found.last = told.at
            if told.type == COMPLETED:
                found.successful += 1
                found.times.add((told.seconds or 0.0) * 1000)
            else:
                found.ended_badly(told)
            if id in known:
                known.move_to_end(id)
            known[id] = told
        while len(known) > self._most:
            known.popitem(last=False)

    def _class_of(self, name: str) -> _Class:
        found = self._classes.get(name)
        if found is None:
            if len(self._classes) >= KEPT_CLASSES:
                name = OTHERS
            found = self._classes.setdefault(name, _Class())
        return found


class _Class:
    """What is known of all units of one class."""

    __slots__ = ("cancelled", "failed", "last", "successful", "times")

    def __init__(self) -> None:
        self.successful = self.failed = self.cancelled = 0
        self.last = 0.0
        self.times = Series()

    def ended_badly(self, told: Told) -> None:
        if told.type == CANCELLED:
            self.cancelled += 1
        else:
            self.failed += 1
            self.times.add((told.seconds or 0.0) * 1000)

    def aggregated(self, name: str, running: int) -> AggregatedMetrics:
        times = self.times
        return AggregatedMetrics(
            name,
            self.successful + self.failed + self.cancelled,
            self.successful,
            self.failed,
            self.cancelled,
            running,
            times.sum,
            times.mean,
            times.smallest,
            times.largest,
            times.percentile(0.5),
            times.percentile(0.95),
            times.percentile(0.99),
            _time(self.last) if self.last else None,
        )


_NONE: Final = _Class()


def _process(told: Told) -> ProcessMetrics:
    subject, over = told.subject, told.type in _ENDS
    began = told.began.at if told.began is not None else told.at - (told.seconds or 0.0)
    spent = None if told.seconds is None else told.seconds * 1000
    return ProcessMetrics(
        subject.id,
        subject.name,
        subject.kind,
        STATUS[told.type],
        _time(began),
        _time(told.at) if over else None,
        spent,
        told.error,
    )


def _copied(running: dict[Told, None]) -> list[Told]:
    while True:
        try:
            return list(running)
        except RuntimeError:  # another thread told of something meanwhile
            continue


def _time(at: float) -> datetime:
    return datetime.fromtimestamp(at, UTC)


def _told_by(event: Mapping[str, Any], id: str, began: Told | None) -> Told:
    """The fact that an event tells, which somebody else may have made: what is missing is left open."""
    subject = Subject(id, str(event.get("process_name", id)), str(event.get("process_class", "")))
    said = event.get("timestamp")
    at = datetime.fromisoformat(said) if isinstance(said, str) else datetime.now(UTC)
    spent = event.get("execution_time_ms")
    seconds = None if spent is None else float(spent) / 1000
    moment = (at if at.tzinfo is not None else at.replace(tzinfo=UTC)).timestamp()
    return Told(event["type"], "", id, 0, moment, 0.0, subject, began, seconds, event.get("error"))
