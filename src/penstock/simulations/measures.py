"""Figures of one execution, taken as it goes.

Messages, work units by outcome, latencies, how busy workers were, how long the queue was.
"""

from __future__ import annotations

from array import array
from collections import Counter
from math import ceil
from typing import Any

from penstock.simulations.course import Course

SHARES = {"p50": 0.50, "p95": 0.95, "p99": 0.99}
ROUNDING = 1e-9  # virtual times are sums of decimals


class Measures:
    """Counts, and sums over virtual time. All times are virtual seconds."""

    def __init__(self) -> None:
        self.messages: Counter[str] = Counter()
        self.tasks = {"submitted": 0, "completed": 0, "failed": 0, "retried": 0}
        self.latencies = array("d")
        self.within = 0
        self.workers = 0
        self.nodes = 0
        self.opened = 0.0
        self._busy = Level()
        self._waiting = Level()
        self._course = Course()

    def opens(self, at: float, workers: int, nodes: int) -> None:
        """A pool of workers is there from now on."""
        if not self.workers:
            self.opened = at
            self._busy.set(at, 0)
            self._waiting.set(at, 0)
            self._course.opens(at)
        self.workers += workers
        self.nodes += nodes

    def waits(self, at: float, change: int) -> None:
        """So many units more, or fewer, are queued."""
        self._until(at)
        self._waiting.set(at, self._waiting.value + change)

    def works(self, at: float, change: int) -> None:
        """So many workers more, or fewer, are busy."""
        self._until(at)
        self._busy.set(at, self._busy.value + change)

    def completes(self, latency: float, target: float) -> None:
        """A unit is done, so long after it was submitted."""
        self.tasks["completed"] += 1
        self.latencies.append(latency)
        self.within += latency <= target + ROUNDING

    def _until(self, at: float) -> None:
        if at > self._course.due:
            self._course.goes(at, (self._busy.value, self._waiting.value, self.tasks["completed"]))

    def figures(self, at: float, *, since: float, wall: float, events: int) -> dict[str, Any]:
        """All of it, as kept with the execution; None where there was nothing to measure."""
        span = at - self.opened
        pooled = bool(self.workers) and span > 0
        if pooled:
            self._until(at)
        ended = self.tasks["completed"] + self.tasks["failed"]
        return {
            "virtual_seconds": at - since,
            "wall_seconds": wall,
            "events": events,
            "stfs": self.messages["stf_gen"],
            "tasks": {**self.tasks, "unfinished": self.tasks["submitted"] - ended},
            "latency_seconds": latencies(self.latencies),
            "within_target": self.within / len(self.latencies) if self.latencies else None,
            "worker_utilisation": self._busy.sum(at) / (self.workers * span) if pooled else None,
            "queue_depth": {"mean": self._waiting.sum(at) / span, "max": self._waiting.most(at)}
            if pooled
            else None,
            "workers": self.workers,
            "nodes": self.nodes,
            "course": self._course.columns("busy", "waiting", "completed") if pooled else None,
            "messages": dict(self.messages),
        }


class Level:
    """A number that changes over time: its sum over time, and the most it was for longer than a moment."""

    def __init__(self) -> None:
        self.value = 0
        self._most = 0
        self._since = 0.0
        self._sum = 0.0

    def set(self, at: float, value: int) -> None:
        """From now on it is this."""
        if at > self._since:
            self._sum += self.value * (at - self._since)
            self._most = max(self._most, self.value)
            self._since = at
        self.value = value

    def most(self, at: float) -> int:
        """The most it was until now."""
        return max(self._most, self.value) if at > self._since else self._most

    def sum(self, at: float) -> float:
        """Its integral until now."""
        return self._sum + self.value * (at - self._since)


def latencies(found: array[float]) -> dict[str, float] | None:
    """Mean and percentiles (the smallest value that so many do not exceed)."""
    if not found:
        return None
    ordered = sorted(found)
    ranks = {name: ordered[max(0, ceil(share * len(ordered)) - 1)] for name, share in SHARES.items()}
    return {"mean": sum(ordered) / len(ordered), **ranks}
