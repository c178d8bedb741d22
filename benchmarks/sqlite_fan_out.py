"""What does a step of a fan-out of 10,000 cost on SQLite, and what is lost when its process is killed half way?"""

from __future__ import annotations

import mmap
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import penstock
from benchmarks.measuring.bare import UNIT
from benchmarks.measuring.children import said
from benchmarks.measuring.figures import Budget, Figure, figure
from benchmarks.measuring.logs import logs_of, verify, verify_numbers
from benchmarks.measuring.rounds import Scale
from benchmarks.measuring.runs import on_sqlite
from benchmarks.measuring.work import VALUE, a_fan_out, expect, item, join, joined, source, steps_of_fan_out

WIDTH = 10_000
LIMIT_SECONDS = 60.0
LEASE_SECONDS = 0.5
"""Of the engine that is killed: how long its run counts as alive."""

BUDGETS = (
    Budget("sqlite_fan_out_crash", "SQLite, a fan-out of 10,000, `crash`, per step", "N", must=1.2, aim=0.6),
    Budget("sqlite_fan_out_power", "SQLite, a fan-out of 10,000, `power`, per step", "F", must=0.15, aim=0.05),
)  # fmt: skip


def measure(scale: Scale, folder: Path) -> Iterator[Figure]:
    width = scale.of(WIDTH)
    for budget, durability in zip(BUDGETS, ("crash", "power"), strict=True):
        found = on_sqlite(scale, a_fan_out(width), durability, folder)
        note = f"{found.note(UNIT[durability])}; {killed_half_way(durability, width, folder)}"
        yield figure(budget, found.ratio, found.quietest, rounds=found.number, note=note)


# ── kill -9 half way ────────────────────────────────────────────────────────────────────────────────────────────────


class Toll:
    """How often each item's body returned, a byte an item in a file that outlives the process that counts in it."""

    def __init__(self, path: Path, width: int) -> None:
        if not path.exists():
            path.write_bytes(bytes(width))
        with path.open("r+b") as file:
            self.counts = mmap.mmap(file.fileno(), width)

    @property
    def total(self) -> int:
        return sum(self.counts[:])


class Loss(NamedTuple):
    done: int
    committed: int
    repeated: int

    def __str__(self) -> str:
        return (
            f"killed with -9 when {self.done:,} items were done: {self.committed:,} were committed,"
            f" {self.done - self.committed:,} lost and done again after the resume"
        )


def killed_half_way(durability: str, width: int, folder: Path) -> Loss:
    """A child kills itself; its log is verified, the run is resumed here, and no committed step ran again."""
    path, counted = folder / f"killed-{durability}.db", folder / f"killed-{durability}.counts"
    arguments = ["-m", "benchmarks.sqlite_fan_out", str(path), durability, str(width), str(counted)]
    said(arguments, folder, seconds=LIMIT_SECONDS, code=-signal.SIGKILL)
    toll = Toll(counted, width)
    done = toll.total
    (log,) = logs_of(path)
    verify_numbers(log)
    committed = max(0, log.done - 1)  # `source` is a step too
    with penstock.open(f"sqlite:///{path}", durability=durability) as engine:
        flow = counting(toll, width, die_at=0)
        expect(taken_up(engine, flow), joined(width))
    verify(path, runs=1, steps=steps_of_fan_out(width))
    repeated = toll.total - width
    expect(repeated, done - committed)
    return Loss(done, committed, repeated)


def counting(toll: Toll, width: int, *, die_at: int) -> penstock.Workflow:
    """The fan-out, whose items count themselves; the process ends when `die_at` of them have returned."""
    import os

    flow = penstock.Workflow(f"counted-{width}")
    flow.add_task(source)
    counts, left = toll.counts, [die_at]

    def counted(number: int, source: str) -> str:
        if left[0]:
            left[0] -= 1
            if not left[0]:
                os.kill(os.getpid(), signal.SIGKILL)
        counts[number] += 1
        return item(source)

    names = [f"item{number}" for number in range(width)]
    for number, name in enumerate(names):
        flow.add_task(counted, name=name, depends_on="source", values={"number": number})
    flow.add_task(join, depends_on=names)
    return flow


def taken_up(engine: penstock.Engine, flow: penstock.Workflow) -> object:
    given_up = time.monotonic() + LIMIT_SECONDS
    while True:
        try:
            return engine.resume(engine.get("latest").id, flow, wait=True).result()
        except penstock.errors.CommandRefused:  # until the killed process's lease has run out
            if time.monotonic() > given_up:
                raise
            time.sleep(0.05)


def be_killed() -> None:
    path, durability, width, counted = sys.argv[1], sys.argv[2], int(sys.argv[3]), Path(sys.argv[4])
    flow = counting(Toll(counted, width), width, die_at=max(1, width // 2))
    with penstock.open(f"sqlite:///{path}", durability=durability, lease_seconds=LEASE_SECONDS) as engine:
        flow.using(store=engine).run(value=VALUE)


if __name__ == "__main__":
    be_killed()
