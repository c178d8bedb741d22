"""What a run's log says of its steps, without its program: for people, reports and other processes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from penstock.model import events as e
from penstock.model.failure import Failure
from penstock.model.states import AttemptStatus, StepStatus


class Attempt(msgspec.Struct):
    """One try of a step or of one item of a map; times in seconds since 1970."""

    number: int
    started_at: float
    item: int | None = None
    ended_at: float | None = None
    status: AttemptStatus = "running"
    error: Failure | None = None


class StepRecord(msgspec.Struct):
    """A step as the log tells it. A map has `items` (status by index) and no value of its own in the log."""

    name: str
    status: StepStatus = "ready"
    value: Any = None
    error: Failure | None = None
    reason: str = ""
    attempts: list[Attempt] = []
    items: dict[int, StepStatus] = {}
    values: dict[int, Any] = {}
    counts: dict[str, int] = {}

    @property
    def started_at(self) -> float | None:
        return min((a.started_at for a in self.attempts), default=None)

    @property
    def ended_at(self) -> float | None:
        ends = [a.ended_at for a in self.attempts if a.ended_at is not None]
        return max(ends, default=None) if len(ends) == len(self.attempts) else None

    def count(self, status: StepStatus) -> int:
        """How many items have this status."""
        return self.counts.get(status, 0)


class History:
    """What a log says of its steps, as far as it was told: up to event `last`. `steps` are in order of their first event."""

    def __init__(self) -> None:
        self.steps: dict[str, StepRecord] = {}
        self.last = 0
        self._running: dict[tuple[str, int | None], Attempt] = {}

    def tell(self, log: Iterable[tuple[int, float, e.Event]]) -> None:
        """The events that follow."""
        for sequence, at, event in log:
            self.last = sequence
            name = getattr(event, "step", None)
            if name is not None and not isinstance(event, e.Opened | e.Noted):
                step = self.steps.get(name)
                if step is None:
                    step = self.steps[name] = StepRecord(name)
                _apply(step, event, at, self._running)


def steps_in(log: Iterable[tuple[int, float, e.Event]]) -> dict[str, StepRecord]:
    """Every step that has an event, in order of its first."""
    history = History()
    history.tell(log)
    return history.steps


def _apply(
    step: StepRecord, event: e.Event, at: float, running: dict[tuple[str, int | None], Attempt]
) -> None:
    item = getattr(event, "item", None)
    key = (step.name, item)
    match event:
        case e.StepStarted():
            attempt = running[key] = Attempt(event.attempt, at, item)
            step.attempts.append(attempt)
            _mark(step, item, "running")
        case e.StepDone():
            _end(running.pop(key, None), at, "completed")
            _mark(step, item, "completed")
            if item is None:
                step.value = event.value
            else:
                step.values[item] = event.value
        case e.StepFailed():
            _end(running.pop(key, None), at, _cause(event.error), event.error)
            _mark(step, item, "failed" if event.retry_at is None else "waiting")
            step.error = event.error
        case e.StepCancelled():
            _end(running.pop(key, None), at, "cancelled")
            _mark(step, item, "cancelled")
        case e.StepSkipped():
            step.status, step.reason = "skipped", event.reason
        case e.StepReused():
            if item is None:
                step.status, step.value = "reused", event.value
            else:
                _mark(step, item, "reused")
                step.values[item] = event.value


def _end(attempt: Attempt | None, at: float, status: AttemptStatus, error: Failure | None = None) -> None:
    if attempt is not None:
        attempt.ended_at, attempt.status, attempt.error = at, status, error


def _cause(error: Failure) -> AttemptStatus:
    return "timed_out" if error.cause == "timeout" else "lost" if error.cause == "lost" else "failed"


def _mark(step: StepRecord, item: int | None, status: StepStatus) -> None:
    if item is None:
        step.status = status
        return
    before = step.items.get(item)
    if before is not None:
        step.counts[before] -= 1
    step.items[item] = status
    step.counts[status] = step.counts.get(status, 0) + 1
    step.status = _together(step)


_WORST_FIRST: tuple[StepStatus, ...] = ("running", "waiting", "failed", "cancelled", "completed", "reused")


def _together(step: StepRecord) -> StepStatus:
    """A map's status by its items; whether all items have come the log alone does not tell."""
    return next(status for status in _WORST_FIRST if step.counts.get(status))
