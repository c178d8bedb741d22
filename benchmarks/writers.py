"""How long does a commit take at worst when four healthy processes write one SQLite file as fast as they can?

`power` durability. In turn with bare commits by one process, whose worst tells what the disk itself does at this moment.
"""

from __future__ import annotations

import sqlite3
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

from benchmarks.measuring.children import told_together
from benchmarks.measuring.figures import Budget, Figure, figure
from benchmarks.measuring.logs import logs_of, verify_numbers
from benchmarks.measuring.rounds import Scale
from benchmarks.measuring.work import VALUE, expect
from penstock.app.addresses import store_at
from penstock.model.changes import Change, Ok, Row

WRITERS = 4
SECONDS = 2.0
ROUNDS = 4

BUDGET = Budget(
    "writers", "worst commit of a healthy one of 4 writers on SQLite, `power`", "ms", must=100.0, aim=50.0
)
BUDGETS = (BUDGET,)


def measure(scale: Scale, folder: Path) -> Iterator[Figure]:
    path = folder / "writers.db"
    seconds, rounds = max(0.2, SECONDS * scale.size), min(ROUNDS, scale.rounds)
    worsts, bares, commits = [], [], 0
    for number in range(rounds):
        bares.append(worst_bare(folder, seconds / 2))
        each = worst_and_count(path, number, seconds)
        worsts.append(max(worst for worst, _ in each))
        commits += sum(count for _, count in each)
    verify(path, rounds * WRITERS, commits)
    note = (
        f"worst of {commits:,} commits, {commits / (rounds * seconds):,.0f} a second by all;"
        f" worst bare commit of one process {1e3 * max(bares):.3g} ms"
    )
    yield figure(BUDGET, 1e3 * max(worsts), 1e3 * min(worsts), rounds=rounds, note=note)


def worst_and_count(path: Path, number: int, seconds: float) -> list[tuple[float, int]]:
    """What each of the writers found, all of them at once."""
    writer = ["-m", "benchmarks.writers", f"sqlite:///{path}", str(seconds)]
    writers = [[*writer, f"run-{number}-{each}"] for each in range(WRITERS)]
    _, answers = told_together(writers, path.parent)
    found = [answer.split() for answer in answers]
    return [(float(worst), int(count)) for worst, count in found]


def worst_bare(folder: Path, seconds: float) -> float:
    with closing(sqlite3.connect(folder / "bare.db", isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("CREATE TABLE IF NOT EXISTS rows (value TEXT)")
        return max(_times(lambda: connection.execute("INSERT INTO rows VALUES (?)", (VALUE,)), seconds))


def _times(commit: Callable[[], object], seconds: float) -> list[float]:
    found = []
    end = time.perf_counter() + seconds
    while (begun := time.perf_counter()) < end:
        commit()
        found.append(time.perf_counter() - begun)
    return found


def verify(path: Path, runs: int, commits: int) -> None:
    logs = list(logs_of(path))
    expect((len(logs), sum(log.events for log in logs)), (runs, commits))
    for log in logs:
        verify_numbers(log)


def main() -> None:
    address, seconds, run = sys.argv[1], float(sys.argv[2]), sys.argv[3]
    store = store_at(address)
    assert store is not None
    written = 0

    def commit() -> None:
        nonlocal written
        row = Row(written + 1, time.time(), "noted", None, None, f'{{"topic":"bench","data":"{VALUE}"}}')
        (verdict,) = store.commit([Change(run=run, expect=written, events=[row])])
        expect(type(verdict), Ok)
        written += 1

    print("ready", flush=True)
    sys.stdin.readline()
    times = _times(commit, float(seconds))
    print(max(times), len(times), flush=True)
    store.close()


if __name__ == "__main__":
    main()
