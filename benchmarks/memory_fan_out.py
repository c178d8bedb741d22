"""What does a step of a fan-out of 10,000 cost in memory, when steps end at once and when they really suspend?"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path

import penstock
from benchmarks.measuring.bare import seconds_a_task
from benchmarks.measuring.figures import Budget, Figure, figure
from benchmarks.measuring.rounds import Scale, in_turn
from benchmarks.measuring.work import VALUE, Recorded, expect, fan_out, joined, steps_of_fan_out

WIDTH = 10_000

PLAIN = Budget("memory_fan_out", "in memory: a fan-out of 10,000, per step", "A", must=0.85, aim=0.55)
SUSPENDING = Budget(
    "memory_fan_out_suspending", "the same, steps that really suspend", "A", must=2.5, aim=2.0
)
BUDGETS = (PLAIN, SUSPENDING)


def measure(scale: Scale, folder: Path) -> Iterator[Figure]:
    # One after the other, so that neither has the other's workflow on its heap.
    yield plain(scale, scale.of(WIDTH))
    yield suspending(scale, scale.of(WIDTH))


def plain(scale: Scale, width: int) -> Figure:
    flow = fan_out(width)
    recorded = Recorded()

    def work() -> float:
        # An engine a round: one keeps its last 1,000 finished runs, and a million steps are nobody's usual heap.
        with penstock.open("ephemeral", observers=[recorded]) as engine:
            ready = flow.using(store=engine)
            begun = time.perf_counter()
            result = ready.run(value=VALUE)
            spent = time.perf_counter() - begun
        return checked(result, recorded, width, spent)

    found = in_turn(scale, seconds_a_task, work)
    return figure(PLAIN, found.ratio, found.quietest, rounds=found.number, note=found.note("A"))


def suspending(scale: Scale, width: int) -> Figure:
    flow = fan_out(width, suspending=True)
    recorded = Recorded()

    async def work() -> float:
        with penstock.open("ephemeral", observers=[recorded]) as engine:
            ready = flow.using(store=engine)
            begun = time.perf_counter()
            result = await ready.run_async(value=VALUE)
            spent = time.perf_counter() - begun
        return checked(result, recorded, width, spent)

    found = in_turn(scale, seconds_a_task, lambda: asyncio.run(work()))
    return figure(SUSPENDING, found.ratio, found.quietest, rounds=found.number, note=found.note("A"))


def checked(result: object, recorded: Recorded, width: int, spent: float) -> float:
    """Seconds a step, if the result is right."""
    expect(result, joined(width))
    recorded.expect(steps_of_fan_out(width), runs=1)
    return spent / steps_of_fan_out(width)
