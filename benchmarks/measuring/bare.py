"""The bare baselines that budgets are ratios to.

- A: asyncio's create_task and await of a coroutine that does nothing, one after another.
- N, F: SQLite with a write-ahead log, one row of 200 bytes a commit in a plain rowid table, without (synchronous=NORMAL) and
  with (FULL) an fsync, in the folder of the store that is measured.
"""

from __future__ import annotations

import asyncio
import sqlite3
import time
from pathlib import Path
from typing import Literal

from benchmarks.measuring.work import VALUE

TASKS = 5_000
COMMITS = {"NORMAL": 2_000, "FULL": 100}


def seconds_a_task(tasks: int = TASKS) -> float:
    """A."""
    return asyncio.run(_await_tasks(tasks))


async def _await_tasks(tasks: int) -> float:
    begun = time.perf_counter()
    for _ in range(tasks):
        await asyncio.create_task(_nothing())
    return (time.perf_counter() - begun) / tasks


async def _nothing() -> None:
    pass


class Rows:
    """N or F: `seconds_a_row` commits rows one by one."""

    def __init__(self, folder: Path, synchronous: Literal["NORMAL", "FULL"], size: float = 1.0) -> None:
        self.commits = max(20, int(COMMITS[synchronous] * size))
        self._connection = sqlite3.connect(folder / f"bare-{synchronous.lower()}.db", isolation_level=None)
        self._connection.execute("PRAGMA journal_mode = WAL")
        self._connection.execute(f"PRAGMA synchronous = {synchronous}")
        self._connection.execute("CREATE TABLE IF NOT EXISTS rows (value TEXT)")

    def seconds_a_row(self) -> float:
        execute = self._connection.execute
        begun = time.perf_counter()
        for _ in range(self.commits):
            execute("INSERT INTO rows VALUES (?)", (VALUE,))
        return (time.perf_counter() - begun) / self.commits

    def close(self) -> None:
        self._connection.close()


SYNCHRONOUS: dict[str, Literal["NORMAL", "FULL"]] = {"crash": "NORMAL", "power": "FULL"}
"""Which baseline survives what a store of this durability survives."""

UNIT = {"crash": "N", "power": "F"}
