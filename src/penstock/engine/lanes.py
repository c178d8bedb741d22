"""What passes between the core and its driver: lanes to executors, and batches of rows with the effects they make legal."""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Iterator
from itertools import count
from typing import Any

import msgspec

from penstock.model import events as e
from penstock.model.state import Run, Step

QUIET = "quiet"
DEADLINE = "deadline"
ABANDONED = "abandoned"
"""Topics of notes in the log: a paused run is quiet, a run took too long, a stopped step was left behind."""

Fact = tuple[Run, int, float, e.Event]
"""(run, sequence, at, event): one row to append."""


class Timers:
    """Things that are due at some time, in wall time; those of one moment in the order in which they were set."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, str, Any]] = []
        self._tie = count()

    def set(self, when: float, kind: str, what: Any) -> None:
        """Have `what` come up at `when`."""
        heapq.heappush(self._heap, (when, next(self._tie), kind, what))

    def next_due(self) -> float | None:
        """When the next one is due; None: there is none."""
        return self._heap[0][0] if self._heap else None

    def due(self, at: float) -> Iterator[tuple[float, str, Any]]:
        """(when, kind, what) of all whose time has come; those set meanwhile included."""
        while self._heap and self._heap[0][0] <= at:
            when, _, kind, what = heapq.heappop(self._heap)
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


class Batch(msgspec.Struct):
    """Rows to append, and what is legal once they are durable: steps to start and to stop, runs that are over or quiet.

    `takes` says up to which letter the inbox of a run is dealt with by these rows and those before.
    """

    number: int
    rows: list[Fact]
    starts: list[Step]
    stops: list[Step]
    over: list[Run]
    takes: list[tuple[Run, int]] = []
