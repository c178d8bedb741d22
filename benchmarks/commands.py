"""How soon does `penstock cancel` or `penstock pause` take effect on a run that another process drives?

From the start of the command's process to the moment at which the run's log says that it is cancelled (nothing of it runs any
more) or paused (nothing more starts). Each of the runs is inside a step that would go on for an hour.
"""

from __future__ import annotations

import asyncio
import sqlite3
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from statistics import median

import penstock
from benchmarks.measuring.children import child, command_of, wall_seconds
from benchmarks.measuring.figures import Budget, Figure, figure
from benchmarks.measuring.rounds import Scale
from benchmarks.measuring.work import expect

TIMES = 50
LIMIT_SECONDS = 10.0
LOOK_SECONDS = 0.005

CANCEL = Budget(
    "cancel", "`penstock cancel` of a run in another process, effect", "ms", must=200.0, aim=200.0
)
PAUSE = Budget("pause", "`penstock pause` of a run in another process, effect", "ms", must=200.0, aim=200.0)
BUDGETS = (CANCEL, PAUSE)
EVIDENCE = {"cancel": "run_cancelled", "pause": "paused"}


def measure(scale: Scale, folder: Path) -> Iterator[Figure]:
    path = folder / "commands.db"
    times = scale.of(TIMES, 2)
    arguments = ["-m", "benchmarks.commands", f"sqlite:///{path}", str(times * len(BUDGETS))]
    with child(arguments, folder, quiet=True) as driver:
        runs = driver.answer().split()
        for budget in BUDGETS:
            mine, runs = runs[:times], runs[times:]
            commands, effects = zip(*(effect_of(budget.name, run, path) for run in mine), strict=True)
            note = f"the command itself took {1e3 * median(commands):.3g} ms"
            yield figure(budget, 1e3 * median(effects), 1e3 * min(effects), rounds=times, note=note)


def effect_of(command: str, run: str, path: Path) -> tuple[float, float]:
    """Seconds until the command had ended, and until it had taken effect."""
    begun = time.time()
    wall = wall_seconds(
        [command_of("penstock"), command, run], path.parent, PENSTOCK_STORE=f"sqlite:///{path}"
    )
    return wall, recorded_at(path, run, EVIDENCE[command]) - begun


def recorded_at(path: Path, run: str, kind: str) -> float:
    """When the run's own process recorded an event. Raises AssertionError if it does not in time."""
    given_up = time.monotonic() + LIMIT_SECONDS
    query = "SELECT at FROM events WHERE run = ? AND kind = ?"
    with closing(sqlite3.connect(path)) as connection:
        while time.monotonic() < given_up:
            for (at,) in connection.execute(query, (run, kind)).fetchall():
                return float(at)
            time.sleep(LOOK_SECONDS)
    raise AssertionError(f"run {run} was not {kind} within {LIMIT_SECONDS:g} s")


# ── the process that drives the runs ────────────────────────────────────────────────────────────────────────────────


begun: list[bool] = []


async def wait_long() -> None:
    begun.append(True)
    await asyncio.sleep(3600)


def main() -> None:
    """Start the runs, say their ids, and drive them until the pipe is closed."""
    address, number = sys.argv[1], int(sys.argv[2])
    flow = penstock.Workflow("waiting")
    flow.add_task(wait_long)
    with penstock.open(address) as engine:
        runs = [flow.using(store=engine).start() for _ in range(number)]
        given_up = time.monotonic() + LIMIT_SECONDS
        while len(begun) < number and time.monotonic() < given_up:
            time.sleep(LOOK_SECONDS)
        expect(len(begun), number)
        print(*(run.id for run in runs), flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main()
