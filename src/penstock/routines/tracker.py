"""What activations cost: how many, how they ended, how long they took; in bounded memory, however long a flow runs."""

from __future__ import annotations

import math
import threading
import time
from array import array
from collections import Counter
from collections.abc import Callable
from struct import pack, unpack
from typing import Any

WAITING = 4_096
"""So many durations are kept one by one before they are folded into a sketch."""

SHIFT = 46
HALF = 1 << (SHIFT - 1)
"""Durations whose bits agree but for the lowest 46 differ by less than a fiftieth; the middle stands for all of them."""


class Tally:
    """The activations of one routine. `took` and `failed` hold durations in seconds that are not folded yet.

    `more` counts events beyond one for each activation that completed, `told_events` those that `record_event` told of.
    """

    def __init__(self) -> None:
        self.took: list[float] = []
        self.failed: list[float] = []
        self.more = 0
        self.told_events = 0
        self.told_ends = 0
        self._totals = [0, 0]
        self._seconds = 0.0
        self._least = math.inf
        self._most = 0.0
        self._sketch: Any = None
        self._lock = threading.Lock()

    def fold(self) -> None:
        """Put what waits into the sketch."""
        with self._lock:
            for number, waiting in enumerate((self.took, self.failed)):
                taken = waiting[:]
                del waiting[: len(taken)]
                if taken:
                    self._totals[number] += len(taken)
                    self._seconds += sum(taken)
                    self._least = min(self._least, *taken)
                    self._most = max(self._most, *taken)
                    self._add(taken)

    def _add(self, taken: list[float]) -> None:
        """Those that are nearly the same at once."""
        if self._sketch is None:
            from ddsketch import DDSketch

            self._sketch = DDSketch(0.01)
        bits = memoryview(array("d", taken)).cast("B").cast("q")
        for bucket, count in Counter([each >> SHIFT for each in bits]).items():
            self._sketch.add(unpack("d", pack("q", bucket << SHIFT | HALF))[0], count)

    def told(self) -> dict[str, Any]:
        """All of it, as numbers."""
        self.fold()
        with self._lock:
            completed, failed = self._totals
            total = completed + failed
            percentiles = {f"p{q}": self._percentile(q / 100) for q in (50, 90, 95, 99)}
            return {
                "total_executions": total,
                "completed": completed,
                "failed": failed,
                "success_rate": completed / total if total else 0.0,
                "avg_execution_time": self._seconds / total if total else 0.0,
                "min_execution_time": self._least if total else 0.0,
                "max_execution_time": self._most,
                "total_execution_time": self._seconds,
                **percentiles,
                "total_events": completed + self.more + self.told_events - self.told_ends,
            }

    def _percentile(self, share: float) -> float:
        """As the sketch has it, never outside what was measured."""
        if self._sketch is None:
            return 0.0
        found = float(self._sketch.get_quantile_value(share))
        return min(max(found, self._least), self._most)


class ExecutionTracker:
    """Of each routine: how many activations there were (each attempt of one counts), how they ended and how long they took.

    A flow's own tracker is told by its jobs. The `record_...` methods are for those who track something themselves.
    """

    def __init__(self, flow_id: str = "", *, clock: Callable[[], float] = time.perf_counter) -> None:
        self.flow_id = flow_id
        self._clock = clock
        self._tallies: dict[str, Tally] = {}
        self._begun: dict[str, list[float]] = {}
        self._running = 0
        self._since = 0.0
        self._wall = 0.0
        self._jobs = 0
        self._lock = threading.Lock()

    def tally(self, routine_id: str) -> Tally:
        """The tally of one routine, made when first asked for."""
        return self._tallies.setdefault(routine_id, Tally())

    # Told from outside

    def record_routine_start(self, routine_id: str, params: Any = None) -> None:
        """An activation begins now."""
        self._begun.setdefault(routine_id, []).append(self._clock())

    def record_routine_end(
        self, routine_id: str, status: str = "completed", result: Any = None, error: Any = None
    ) -> None:
        """The activation that began last ends now; every status but "completed" is a failure."""
        now = self._clock()
        begun = self._begun.get(routine_id)
        took = now - begun.pop() if begun else 0.0
        tally = self.tally(routine_id)
        well = status == "completed" and error is None
        (tally.took if well else tally.failed).append(took)
        tally.told_ends += well
        if len(tally.took) + len(tally.failed) > WAITING:
            tally.fold()

    def record_event(
        self, source_routine_id: str, event_name: str, target_routine_id: str | None = None, data: Any = None
    ) -> None:
        """An event was emitted."""
        self.tally(source_routine_id).told_events += 1

    def job_began(self) -> None:
        """A job of the flow is being driven."""
        with self._lock:
            self._jobs += 1
            self._running += 1
            if self._running == 1:
                self._since = self._clock()

    def job_left(self) -> None:
        """It is driven no more: it has ended, or is paused."""
        with self._lock:
            self._running -= 1
            if self._running == 0:
                self._wall += self._clock() - self._since

    # Asked

    def get_routine_performance(self, routine_id: str) -> dict[str, Any] | None:
        """One routine's numbers, times in seconds; None if it never ran."""
        tally = self._tallies.get(routine_id)
        found = None if tally is None else tally.told()
        if found is None or not (found["total_executions"] or found["total_events"]):
            return None
        return {"routine_id": routine_id, **found}

    def get_flow_performance(self) -> dict[str, Any]:
        """All routines together. `total_execution_time` is the time in which jobs ran, by the clock on the wall."""
        told = {name: each for name in list(self._tallies) if (each := self.get_routine_performance(name))}
        total = sum(each["total_executions"] for each in told.values())
        completed = sum(each["completed"] for each in told.values())
        with self._lock:
            wall = self._wall + (self._clock() - self._since if self._running else 0.0)
            jobs = self._jobs
        return {
            "flow_id": self.flow_id,
            "total_jobs": jobs,
            "total_routines": len(told),
            "total_executions": total,
            "completed": completed,
            "failed": total - completed,
            "success_rate": completed / total if total else 0.0,
            "total_events": sum(each["total_events"] for each in told.values()),
            "total_execution_time": wall,
            "busy_time": sum(each["total_execution_time"] for each in told.values()),
            "routines": told,
        }
