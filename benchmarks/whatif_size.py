"""How long does a simulation take: a thousand runs of twenty steps, and a million steps?"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median

from benchmarks.measuring.figures import Budget, Figure, figure
from benchmarks.measuring.rounds import Scale
from benchmarks.measuring.work import chain, expect
from penstock.whatif import Said, simulate

RUNS, STEPS, MANY = 1_000, 20, 50_000

SECONDS = Budget("whatif_seconds", "1,000 runs of 20 steps simulated", "s", 5.0, 1.0)
LINEAR = Budget("whatif_linear", "a simulated step of a million beside one of 20,000", "x", 1.3, 1.1)
BUDGETS = (SECONDS, LINEAR)


def measure(scale: Scale, folder: Path) -> Iterator[Figure]:
    few, many = scale.of(RUNS, 5), scale.of(MANY, 10)
    taken = [simulated(few) for _ in range(min(3, scale.rounds))]
    walls = [wall * RUNS / few for wall, _ in taken]
    yield figure(SECONDS, median(walls), min(walls), rounds=len(walls))
    _, long = simulated(many)
    taken += [simulated(few) for _ in walls]  # before and after: machines have quiet and busy minutes
    short = median(busy for _, busy in taken)
    note = f"{many * STEPS:,} steps beside {few * STEPS:,}, in seconds of the processor"
    yield figure(LINEAR, (long / many) / (short / few), note=note)


def simulated(runs: int) -> tuple[float, float]:
    """Seconds, by the wall and of the processor, for so many runs that begin together, each of 20 steps one after another."""
    said = {f"step{number}": Said([0.5, 1.5]) for number in range(1, STEPS + 1)}
    begun = time.perf_counter(), time.process_time()
    report = simulate(
        chain(STEPS),
        inputs={"step0": ""},
        runs=runs,
        workers=10,
        seeds=[1],
        durations=said,
        store="memory:",
        bottleneck=False,
    )
    spent = time.perf_counter() - begun[0], time.process_time() - begun[1]
    expect(report.statuses, {"completed": runs})
    return spent
