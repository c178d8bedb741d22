"""Is the log of a durable benchmark whole? Asked of the file itself, in SQL, not through the code that wrote it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

from benchmarks.measuring.work import expect


class Log(NamedTuple):
    """One run's log in figures; `steps` are the different steps that completed, `done` the rows that say so."""

    run: str
    first: int
    last: int
    events: int
    done: int
    steps: int
    ended: int


QUERY = """
SELECT run, min(sequence), max(sequence), count(*), sum(kind = 'step_done'),
       count(DISTINCT CASE kind WHEN 'step_done' THEN step || '/' || coalesce(item, '') END), sum(kind = 'run_done')
FROM events WHERE run <> '' GROUP BY run
"""


def logs_of(path: Path) -> Iterator[Log]:
    with closing(sqlite3.connect(path)) as connection:
        yield from map(Log._make, connection.execute(QUERY))


def verify(path: Path, *, runs: int, steps: int | None = None) -> None:
    """Every run ended; its numbers are 1, 2, 3 … without holes; each of its steps completed once. Raises AssertionError."""
    found = list(logs_of(path))
    expect(len(found), runs)
    for log in found:
        verify_numbers(log)
        expect((log.run, log.ended), (log.run, 1))
        if steps is not None:
            expect((log.run, log.done), (log.run, steps))


def verify_numbers(log: Log) -> None:
    expect((log.run, log.first, log.last), (log.run, 1, log.events))
    expect((log.run, log.steps), (log.run, log.done))
