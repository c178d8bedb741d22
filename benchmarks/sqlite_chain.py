"""What does a step of a chain cost on SQLite, where it survives kill -9 (`crash`) and a power cut (`power`)?"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import penstock
from benchmarks.measuring.bare import SYNCHRONOUS, UNIT, Rows
from benchmarks.measuring.figures import Budget, Figure, figure
from benchmarks.measuring.logs import verify
from benchmarks.measuring.rounds import Scale, in_turn
from benchmarks.measuring.work import VALUE, Recorded, chain, expect, turned

STEPS = {"crash": 1_000, "power": 200}

BUDGETS = (
    Budget("sqlite_chain_crash", "SQLite, a chain, `crash`, per step", "N", must=2.5, aim=1.6),
    Budget("sqlite_chain_power", "SQLite, a chain, `power`, per step", "F", must=1.4, aim=1.2),
)


def measure(scale: Scale, folder: Path) -> Iterator[Figure]:
    for budget, durability in zip(BUDGETS, STEPS, strict=True):
        yield measured(budget, durability, scale, folder)


def measured(budget: Budget, durability: str, scale: Scale, folder: Path) -> Figure:
    path = folder / f"{durability}.db"
    steps = scale.of(STEPS[durability])
    flow = chain(steps)
    bare = Rows(folder, SYNCHRONOUS[durability], scale.size)
    recorded = Recorded()
    runs = 0
    with penstock.open(f"sqlite:///{path}", durability=durability, observers=[recorded]) as engine:
        ready = flow.using(store=engine)

        def work() -> float:
            nonlocal runs
            runs += 1
            begun = time.perf_counter()
            result = ready.run(step0=VALUE)
            spent = time.perf_counter() - begun
            expect(result, turned(steps))
            recorded.expect(steps, runs=1)
            return spent / steps

        found = in_turn(scale, bare.seconds_a_row, work)
    bare.close()
    verify(path, runs=runs, steps=steps)
    return figure(budget, found.ratio, found.quietest, rounds=found.number, note=found.note(UNIT[durability]))
