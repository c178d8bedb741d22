"""What does a step of a chain of 10,000 cost in memory, when steps end at once and when they really suspend?"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from benchmarks.measuring.figures import Budget, Figure, figure
from benchmarks.measuring.rounds import Scale
from benchmarks.measuring.runs import in_memory, suspending_in_memory
from benchmarks.measuring.work import a_chain

STEPS = 10_000

PLAIN = Budget("memory_chain", "in memory: a chain of 10,000, per step", "A", must=1.0, aim=0.6)
SUSPENDING = Budget("memory_chain_suspending", "the same, steps that really suspend", "A", must=4.0, aim=3.0)
BUDGETS = (PLAIN, SUSPENDING)


def measure(scale: Scale, folder: Path) -> Iterator[Figure]:
    # One after the other, so that neither has the other's workflow on its heap.
    found = in_memory(scale, a_chain(scale.of(STEPS)))
    yield figure(PLAIN, found.ratio, found.quietest, rounds=found.number, note=found.note("A"))
    found = suspending_in_memory(scale, a_chain(scale.of(STEPS), suspending=True))
    yield figure(SUSPENDING, found.ratio, found.quietest, rounds=found.number, note=found.note("A"))
