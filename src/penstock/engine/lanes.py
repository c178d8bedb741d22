"""What passes between the core and its driver: lanes to executors, and batches of rows with the effects they make legal."""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Callable, Iterator
from itertools import count
from typing import Any, Protocol

import msgspec

from penstock.model import events as e
from penstock.model.changes import Put
from penstock.model.program import Sleep
from penstock.model.state import Run, Step

QUIET = "quiet"
ABANDONED = "abandoned"
"""Topics of notes in the log: a paused run is quiet, a stopped step was left behind."""

LOOK_SECONDS = 1.0
"""How often to look at wall time, where something waits for a moment of it: it may be set, and nobody is told."""

Fact = tuple[Run, int, float, e.Event]
"""(run, sequence, at, event): one row to append."""


class Timers:
    """Things that are due; those of one moment in the order in which they were set.

    So many seconds are counted by `monotonic`, whatever wall time is set to meanwhile. A moment is one of wall time.
    """

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self.spans: list[tuple[float, int, float, str, Any]] = []
        self.moments: list[tuple[float, int, float, str, Any]] = []
        self._tie = count()

    def after(self, seconds: float, when: float, kind: str, what: Any) -> None:
        """Have `what` come up in so many seconds; the log says that this is at `when`."""
        heapq.heappush(self.spans, (self._monotonic() + seconds, next(self._tie), when, kind, what))

    def at(self, when: float, kind: str, what: Any) -> None:
        """Have `what` come up at a moment."""
        heapq.heappush(self.moments, (when, next(self._tie), when, kind, what))

    def wake(self, step: Step, since: float) -> None:
        """Have a step come up when it is due: at its moment, else as long from now as that is after `since`."""
        assert step.due is not None
        if type(step.ask) is Sleep and step.ask.until is not None:
            self.at(step.due, "step", step)
        else:
            self.after(step.due - since, step.due, "step", step)

    def end(self, run: Run, since: float) -> None:
        """Have a run come up when its time is over, if it has a limit: as long from now as that is after `since`."""
        if run.deadline is not None:
            self.after(run.deadline - since, run.deadline, "run", run)

    def rest_seconds(self, at: float) -> float | None:
        """How long nobody need look; None: until something else happens."""
        seconds = self.due_in(at)
        if self.moments and seconds is not None:
            seconds = min(seconds, LOOK_SECONDS)
        return None if seconds is None else max(0.0, seconds)

    def due_in(self, at: float) -> float | None:
        """Seconds until the next one is due, wall time being `at`; None: there is none."""
        spans, moments = self.spans, self.moments
        if not spans:
            return moments[0][0] - at if moments else None
        seconds = spans[0][0] - self._monotonic()
        return min(seconds, moments[0][0] - at) if moments else seconds

    def due(self, at: float) -> Iterator[tuple[float, str, Any]]:
        """(when, kind, what) of all whose time has come."""
        for heap, now in ((self.spans, self._monotonic()), (self.moments, at)):
            while heap and heap[0][0] <= now:
                _, _, when, kind, what = heapq.heappop(heap)
                yield when, kind, what


class Lane:
    """The way to one executor: `free` slots and the steps that wait for one, first in, first out."""

    __slots__ = ("capacity", "executor", "free", "name", "queue")

    def __init__(self, name: str, capacity: int, executor: Any = None) -> None:
        self.name = name
        self.capacity = capacity
        self.free = capacity
        self.queue: deque[Step] = deque()
        self.executor = executor


class Held(Protocol):
    """A slot under a limit, as a step holds it."""

    key: str

    @property
    def void(self) -> bool:
        """Whether nobody wants it any more."""

    def free(self) -> None:
        """From any thread: it is not needed any more."""


class Batch(msgspec.Struct):
    """Rows to append, and what is legal once they are durable: steps to start and to stop, runs that are over or quiet.

    `takes` says up to which letter the inbox of a run is dealt with by these rows and those before; `frees` are slots under
    limits that are free then; `puts` are results that are kept with these rows for other runs. `tried`: perhaps it is written.
    """

    number: int
    rows: list[Fact]
    starts: list[Step]
    stops: list[Step]
    over: list[Run]
    takes: list[tuple[Run, int]] = []
    frees: list[Held] = []
    puts: list[tuple[Run, Put]] = []
    tried: bool = False
