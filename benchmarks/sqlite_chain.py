"""What does a step of a chain cost on SQLite, where it survives kill -9 (`crash`) and a power cut (`power`)?"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from benchmarks.measuring.bare import UNIT
from benchmarks.measuring.figures import Budget, Figure, figure
from benchmarks.measuring.rounds import Scale
from benchmarks.measuring.runs import on_sqlite
from benchmarks.measuring.work import a_chain

STEPS = {"crash": 1_000, "power": 200}

BUDGETS = (
    Budget("sqlite_chain_crash", "SQLite, a chain, `crash`, per step", "N", must=2.5, aim=1.6),
    Budget("sqlite_chain_power", "SQLite, a chain, `power`, per step", "F", must=1.4, aim=1.2),
)


def measure(scale: Scale, folder: Path) -> Iterator[Figure]:
    for budget, (durability, steps) in zip(BUDGETS, STEPS.items(), strict=True):
        found = on_sqlite(scale, a_chain(scale.of(steps)), durability, folder)
        note = found.note(UNIT[durability])
        yield figure(budget, found.ratio, found.quietest, rounds=found.number, note=note)
