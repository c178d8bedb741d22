"""How many durable runs of three steps are done in a second, a thousand in flight together, and one after another?

In flight together the runs are started with `flow.start()` from one thread: of the public ways (the others are `start_async`
and `run_async`, gathered on a loop) it is the plainest and the fastest.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import penstock
from benchmarks.measuring.bare import Rows
from benchmarks.measuring.figures import Budget, Figure, figure
from benchmarks.measuring.logs import verify
from benchmarks.measuring.rounds import Scale, in_turn
from benchmarks.measuring.work import SHORT_STEPS, VALUE, Recorded, chain, expect, turned

TOGETHER = 1_000
ONE_BY_ONE = 50

IN_FLIGHT = Budget(
    "sqlite_runs_together", "3-step runs on SQLite, `power`, 1,000 in flight", "a second",
    must=10_000, aim=20_000, more_is_better=True,
)  # fmt: skip
IN_ORDER = Budget(
    "sqlite_runs_one_by_one", "3-step runs on SQLite, `power`, one after another", "F", must=5.5, aim=4.5
)
BUDGETS = (IN_FLIGHT, IN_ORDER)


def measure(scale: Scale, folder: Path) -> Iterator[Figure]:
    path = folder / "runs.db"
    together, one_by_one = scale.of(TOGETHER), scale.of(ONE_BY_ONE)
    bare = Rows(folder, "FULL", scale.size)
    recorded = Recorded()
    runs = 0
    with penstock.open(f"sqlite:///{path}", observers=[recorded]) as engine:
        ready = chain(SHORT_STEPS).using(store=engine)

        def start_all() -> float:
            begun = time.perf_counter()
            started = [ready.start(step0=VALUE) for _ in range(together)]
            results = [run.result() for run in started]
            return checked(results, time.perf_counter() - begun)

        def run_each() -> float:
            begun = time.perf_counter()
            results = [ready.run(step0=VALUE) for _ in range(one_by_one)]
            return checked(results, time.perf_counter() - begun)

        def checked(results: list[str], spent: float) -> float:
            nonlocal runs
            runs += len(results)
            expect(set(results), {turned(SHORT_STEPS)})
            recorded.expect(len(results) * SHORT_STEPS, len(results))
            return spent / len(results)

        found = in_turn(scale, bare.seconds_a_row, start_all)
        rates = [1 / seconds for seconds in found.work]
        note = f"{found.ratio:.2g} F a run; F was {found.bare_microseconds:.3g} us"
        yield figure(IN_FLIGHT, median_of(rates), max(rates), rounds=found.number, note=note)
        found = in_turn(scale, bare.seconds_a_row, run_each)
        yield figure(IN_ORDER, found.ratio, found.quietest, rounds=found.number, note=found.note("F"))
    bare.close()
    verify(path, runs=runs, steps=SHORT_STEPS)


def median_of(rates: list[float]) -> float:
    from statistics import median

    return median(rates)
