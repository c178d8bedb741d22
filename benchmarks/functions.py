"""What does a step of a durable function cost in memory, and does a loop of 10,000 cost ten times one of 1,000?"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import penstock
from benchmarks.measuring.bare import seconds_a_task
from benchmarks.measuring.figures import Budget, Figure, figure
from benchmarks.measuring.rounds import Scale, in_turn
from benchmarks.measuring.work import VALUE, Recorded, expect, turn, turned
from penstock import task
from penstock.functions import workflow

STEPS = 10_000

PER_STEP = Budget("functions", "a durable function in memory, per step", "A", must=1.0, aim=0.6)
LINEAR = Budget("functions_linear", "a step of 10,000 in a loop beside one of 1,000", "x", must=1.3, aim=1.1)
BUDGETS = (PER_STEP, LINEAR)

turning = task(turn)


@workflow
async def looping(value: str, steps: int) -> str:
    """Each step is given the value of the one before."""
    for _ in range(steps):
        value = await turning(value)  # type: ignore[misc]
    return value


def measure(scale: Scale, folder: Path) -> Iterator[Figure]:
    steps = scale.of(STEPS, 100)
    found = in_turn(scale, seconds_a_task, lambda: seconds_a_step(steps))
    yield figure(PER_STEP, found.ratio, found.quietest, rounds=found.number, note=found.note("A"))
    found = in_turn(scale, lambda: seconds_a_step(steps // 10), lambda: seconds_a_step(steps))
    yield figure(LINEAR, found.ratio, found.quietest, rounds=found.number, note=found.note("one of a tenth"))


def seconds_a_step(steps: int) -> float:
    recorded = Recorded()
    with penstock.open("ephemeral", observers=[recorded]) as engine:
        ready = looping.using(store=engine)
        begun = time.perf_counter()
        result = ready.run(VALUE, steps)
        spent = time.perf_counter() - begun
    expect(result, turned(steps))
    recorded.expect(steps, runs=1)
    return spent / steps
