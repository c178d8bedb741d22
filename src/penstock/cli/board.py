"""What a run has done so far, kept up to date by the events it records. Pure, and cheap enough for a hundred thousand a second.

The driver's thread writes, others may read at any time: what they see is at most one event old.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from penstock.model import events as e
from penstock.model.caching import CACHED
from penstock.model.failure import Failure


class Bar:
    """One step, or one map with its items. Times in seconds since 1970; `before` says it was done in an earlier sitting."""

    __slots__ = (
        "attempts", "before", "done", "ended", "error", "failed", "is_map", "item", "missed", "name", "note", "planned",
        "reason", "retries", "retry_at", "reused", "running", "sources", "started", "status", "total", "upset",
    )  # fmt: skip

    def __init__(self, name: str, *, is_map: bool = False, planned: bool = False) -> None:
        self.name = name
        self.is_map = is_map
        self.planned = planned
        self.status = "waiting"
        self.started: float | None = None
        self.ended: float | None = None
        self.total: int | None = None
        self.done = 0
        self.failed = 0
        self.running = 0
        self.attempts = 0
        self.retries = 0
        self.retry_at: float | None = None
        self.error: Failure | None = None  # the last one
        self.item: int | None = None  # whose error it is
        self.upset = False  # whether that error was the last word so far
        self.note = ""  # what the step itself says of how far it is
        self.reason = ""
        self.before = False
        self.reused = 0  # how often another run had the result
        self.sources: set[str] = set()  # which runs that were
        self.missed = ""  # why it ran though it has a cache

    def seconds(self, now: float) -> float | None:
        """How long it took, or has taken so far."""
        if self.started is None:
            return None
        return max(
            0.0, (self.ended if self.ended is not None and self.status != "running" else now) - self.started
        )


class Board:
    """A run's steps by name, in order of the plan, then of appearance. An Observer of one run: the first that it is told of.

    `plan` names the steps known beforehand and says which are maps; `size_of` knows how many items a map has, where it can.
    """

    def __init__(
        self, plan: Iterable[tuple[str, bool]] = (), size_of: Callable[[str], int | None] | None = None
    ) -> None:
        self.size_of = size_of
        self.bars: dict[str, Bar] = {name: Bar(name, is_map=is_map, planned=True) for name, is_map in plan}
        self.run = ""
        self.workflow = ""
        self.status = "pending"
        self.started = 0.0
        self.ended: float | None = None
        self.events = 0
        self.undone = False  # what it had done was undone
        self.error: Failure | None = None
        self.value: Any = None
        self.reason = ""

    def recorded(self, run: str, workflow: str, sequence: int, at: float, event: e.Event) -> None:
        """See Observer.recorded."""
        if not self.run:
            self.run, self.workflow = run, workflow
        if run == self.run:
            self.tell(at, event)

    def tell(self, at: float, event: e.Event) -> None:
        """Take the run's next event in."""
        self.events += 1
        kind = type(event)
        if kind is e.StepDone:
            self._done(self.bar(event.step), event, at)  # type: ignore[union-attr, arg-type]
        elif kind is e.StepStarted:
            self._began(self.bar(event.step), event, at)  # type: ignore[union-attr, arg-type]
        elif kind is e.StepFailed:
            self._failed(self.bar(event.step), event, at)  # type: ignore[union-attr, arg-type]
        else:
            self._rare(event, at)

    def bar(self, name: str) -> Bar:
        """The step of that name, new if nothing was heard of it."""
        found = self.bars.get(name)
        if found is None:
            found = self.bars[name] = Bar(name)
        return found

    def sit_down(self, at: float) -> None:
        """What is done until now was done before: the run goes on from here, at this time."""
        for bar in self.bars.values():
            bar.before = bar.status in ("completed", "reused", "skipped")
        self.started, self.ended = at, None
        self.status = "running"

    def count(self, status: str) -> int:
        """How many steps have this status."""
        return sum(bar.status == status for bar in list(self.bars.values()))

    # Events

    def _began(self, bar: Bar, event: e.StepStarted, at: float) -> None:
        bar.running += 1
        bar.attempts += 1
        bar.status = "running"
        bar.ended = None
        if bar.started is None or bar.before or (bar.upset and _was_lost(bar) and event.item is None):
            bar.started, bar.before = at, False
        bar.upset = False
        if event.item is not None:
            bar.is_map = True
            if bar.total is None and self.size_of is not None:
                bar.total = self.size_of(event.step)

    def _done(self, bar: Bar, event: e.StepDone, at: float) -> None:
        bar.done += 1
        bar.running = max(0, bar.running - 1)
        bar.ended = at
        if not bar.running and (bar.total is None or bar.done + bar.failed >= bar.total):
            bar.status = "completed" if not bar.failed else "failed"

    def _reused(self, bar: Bar, event: e.StepReused, at: float) -> None:
        bar.ended, bar.done, bar.reused = at, bar.done + 1, bar.reused + 1
        bar.sources.add(event.source)
        if event.item is None:
            bar.status = "reused"
            return
        bar.is_map = True
        if bar.total is None and self.size_of is not None:
            bar.total = self.size_of(event.step)
        if not bar.running and (bar.total is None or bar.done + bar.failed >= bar.total):
            bar.status = "completed" if not bar.failed else "failed"

    def _failed(self, bar: Bar, event: e.StepFailed, at: float) -> None:
        bar.running = max(0, bar.running - 1)
        bar.error, bar.item, bar.ended = event.error, event.item, at
        bar.retry_at = event.retry_at
        bar.upset = True
        if event.retry_at is None:
            bar.failed += 1
            bar.status = "failed" if event.item is None or not bar.running else bar.status
        else:
            bar.retries += event.error.cause != "lost"
            bar.status = "waiting" if not bar.running else bar.status

    def _rare(self, event: e.Event, at: float) -> None:
        match event:
            case e.RunStarted():
                self.started, self.status = at, "running"
            case e.StepSkipped():
                bar = self.bar(event.step)
                bar.status, bar.reason = "skipped", event.reason
            case e.StepCancelled():
                bar = self.bar(event.step)
                bar.running = max(0, bar.running - 1)
                bar.status, bar.ended = "cancelled", at
            case e.StepReused():
                bar = self.bar(event.step)
                self._reused(bar, event, at)
            case e.Noted() if event.topic == CACHED and event.step is not None:
                self.bar(event.step).missed = str(event.data.get("why", ""))
            case e.Paused():
                self.status, self.reason = "paused", event.reason
            case e.Resumed():
                self.status = "running"
            case e.RunReopened():
                self._reopen()
            case e.RunDone():
                self._over("completed", at)
                self.value = event.value
            case e.RunFailed():
                self._over("failed", at)
                self.error, self.undone = event.error, bool(event.undone)
            case e.RunCancelled():
                self._over("cancelled", at)
                self.reason = event.reason

    def _reopen(self) -> None:
        self.status, self.ended, self.error = "running", None, None
        for bar in self.bars.values():
            bar.failed = 0
            if bar.status in ("failed", "cancelled", "skipped"):
                bar.status, bar.before, bar.upset, bar.started = "waiting", False, False, None

    def _over(self, status: str, at: float) -> None:
        self.status, self.ended = status, at
        for bar in self.bars.values():
            if (
                status == "completed"
                and bar.is_map
                and bar.status in ("waiting", "failed")
                and not bar.running
            ):
                bar.status = "completed"  # a map of nothing, or one that collects failures


def _was_lost(bar: Bar) -> bool:
    return bar.error is not None and bar.error.cause == "lost"
