"""What does a run of three steps cost in memory, from its start to its end?"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import penstock
from benchmarks.measuring.bare import seconds_a_task
from benchmarks.measuring.figures import Budget, Figure, figure
from benchmarks.measuring.rounds import Scale, in_turn
from benchmarks.measuring.work import SHORT_STEPS, VALUE, Recorded, chain, expect, turned

RUNS = 2_000

BUDGET = Budget("memory_runs", "in memory: a run of 3 steps, start to end", "A", must=4.0, aim=2.5)
BUDGETS = (BUDGET,)


def measure(scale: Scale, folder: Path) -> Iterator[Figure]:
    runs = scale.of(RUNS)
    recorded = Recorded()
    with penstock.open("ephemeral", observers=[recorded]) as engine:
        ready = chain(SHORT_STEPS).using(store=engine)

        def work() -> float:
            begun = time.perf_counter()
            results = [ready.run(step0=VALUE) for _ in range(runs)]
            spent = time.perf_counter() - begun
            expect(set(results), {turned(SHORT_STEPS)})
            recorded.expect(runs * SHORT_STEPS, runs)
            return spent / runs

        found = in_turn(scale, seconds_a_task, work)
    yield figure(BUDGET, found.ratio, found.quietest, rounds=found.number, note=found.note("A"))
