"""What does a step of a fan-out of 10,000 cost in memory, when steps end at once and when they really suspend?"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from benchmarks.measuring.figures import Budget, Figure, figure
from benchmarks.measuring.rounds import Scale
from benchmarks.measuring.runs import in_memory, suspending_in_memory
from benchmarks.measuring.work import a_fan_out

WIDTH = 10_000

PLAIN = Budget("memory_fan_out", "in memory: a fan-out of 10,000, per step", "A", must=0.85, aim=0.55)
SUSPENDING = Budget(
    "memory_fan_out_suspending", "the same, steps that really suspend", "A", must=2.5, aim=2.0
)
BUDGETS = (PLAIN, SUSPENDING)


def measure(scale: Scale, folder: Path) -> Iterator[Figure]:
    # One after the other, so that neither has the other's workflow on its heap.
    found = in_memory(scale, a_fan_out(scale.of(WIDTH)))
    yield figure(PLAIN, found.ratio, found.quietest, rounds=found.number, note=found.note("A"))
    found = suspending_in_memory(scale, a_fan_out(scale.of(WIDTH), suspending=True))
    yield figure(SUSPENDING, found.ratio, found.quietest, rounds=found.number, note=found.note("A"))
