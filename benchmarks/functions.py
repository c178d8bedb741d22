"""What does a step of a durable function cost in memory, does a loop of 10,000 cost ten times one of 1,000, and a replay of it?

The last step's first attempt is interrupted as Ctrl-C interrupts it, so that the run is free at once.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from statistics import median

import penstock
from benchmarks.measuring.bare import seconds_a_task
from benchmarks.measuring.figures import Budget, Figure, figure
from benchmarks.measuring.logs import verify
from benchmarks.measuring.rounds import Scale, in_turn
from benchmarks.measuring.work import VALUE, Recorded, expect, turn, turned
from penstock import task
from penstock.functions import workflow

STEPS = 10_000

PER_STEP = Budget("functions", "a durable function in memory, per step", "A", must=1.0, aim=0.6)
LINEAR = Budget("functions_linear", "a step of 10,000 in a loop beside one of 1,000", "x", must=1.3, aim=1.1)
RESUME = Budget(
    "functions_resume", "resume a function with 999 of 1,000 steps done, in process", "ms", must=10.0, aim=6.0
)
REPLAY = Budget("functions_replay", "a step of 10,000 replayed beside one of 1,000", "x", must=1.3, aim=1.1)
BUDGETS = (PER_STEP, LINEAR, RESUME, REPLAY)

turning = task(turn)


@workflow
async def looping(value: str, steps: int) -> str:
    """Each step is given the value of the one before."""
    for _ in range(steps):
        value = await turning(value)  # type: ignore[misc]
    return value


class Ending:
    """Whether the last step is interrupted."""

    interrupting = False


def end(value: str) -> str:
    if Ending.interrupting:
        raise KeyboardInterrupt
    return value


ending = task(end)


@workflow
async def ended(value: str, steps: int) -> str:
    """So many steps, of which the last may be interrupted."""
    for _ in range(steps - 1):
        value = await turning(value)  # type: ignore[misc]
    return await ending(value)  # type: ignore[misc]


def measure(scale: Scale, folder: Path) -> Iterator[Figure]:
    steps = scale.of(STEPS, 100)
    found = in_turn(scale, seconds_a_task, lambda: seconds_a_step(steps))
    yield figure(PER_STEP, found.ratio, found.quietest, rounds=found.number, note=found.note("A"))
    found = in_turn(scale, lambda: seconds_a_step(steps // 10), lambda: seconds_a_step(steps))
    yield figure(LINEAR, found.ratio, found.quietest, rounds=found.number, note=found.note("one of a tenth"))

    few, many = scale.of(STEPS // 10, 10), scale.of(STEPS, 100)
    found = in_turn(
        scale,
        lambda: seconds_to_resume(folder / "few.db", few) / few,
        lambda: seconds_to_resume(folder / "many.db", many) / many,
    )
    spent = [1e3 * few * seconds for seconds in found.bare]
    yield figure(RESUME, median(spent), min(spent), rounds=found.number)
    yield figure(REPLAY, found.ratio, found.quietest, rounds=found.number, note=found.note("one of a tenth"))


def seconds_to_resume(path: Path, steps: int) -> float:
    """How long it takes to replay all steps but the last, run that, and end."""
    path.unlink(missing_ok=True)
    with penstock.open(f"sqlite:///{path}") as engine:
        Ending.interrupting = True
        with suppress(KeyboardInterrupt):
            ended.using(store=engine).run(VALUE, steps)
        Ending.interrupting = False
        run = engine.get("latest")
        begun = time.perf_counter()
        result = engine.resume(run.id, ended, wait=True).result()
        spent = time.perf_counter() - begun
    expect(result, turned(steps - 1))
    verify(path, runs=1, steps=steps)
    return spent


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
