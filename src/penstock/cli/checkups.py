"""What `penstock doctor` looks at. Each checkup answers with findings, and each finding that is not well has its remedy."""

from __future__ import annotations

import platform
import sqlite3
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from importlib import metadata
from typing import Any, Final, Literal, NamedTuple

from penstock.cli.text import duration, plural, size

Level = Literal["ok", "warning", "problem"]

OLDEST_SQLITE: Final = (3, 35, 0)
"""The first that answers an UPDATE with rows."""
SCARCE_BYTES: Final = 500_000_000
HARDLY_ANY_BYTES: Final = 50_000_000
LARGE_LOG_BYTES: Final = 100_000_000
"""A write-ahead log is cut to 8 MB whenever it starts over."""
CLOCK_SECONDS: Final = 5.0
"""Clocks that are kept in step differ by less."""
NAMED: Final = 5
"""Runs and schedules that a sentence names."""
OVERDUE_SECONDS: Final = 30.0
"""Whoever fires schedules looks every second."""


class Finding(NamedTuple):
    """What one checkup found; `remedy` is what to type or to do, `runs` are those it is about."""

    subject: str
    level: Level
    message: str
    remedy: str = ""
    runs: tuple[str, ...] = ()


def of_environment() -> Iterator[Finding]:
    """What Penstock runs on."""
    yield Finding("python", "ok", f"{platform.python_version()}, {sys.executable}")
    parts = [f"{name} {metadata.version(name)}" for name in ("penstock", "msgspec", "click")]
    yield Finding("packages", "ok", ", ".join(parts))
    yield of_sqlite(sqlite3.sqlite_version_info)
    yield of_platform(platform.system(), platform.release(), platform.machine())


def of_sqlite(version: tuple[int, ...]) -> Finding:
    """The library that Python was linked with."""
    shown = ".".join(map(str, version))
    if version < OLDEST_SQLITE:
        wanted = ".".join(map(str, OLDEST_SQLITE))
        remedy = f"use a Python that was built with SQLite {wanted} or newer"
        return Finding("sqlite", "problem", f"{shown} is too old for the store", remedy)
    return Finding("sqlite", "ok", shown)


def of_platform(system: str, release: str, machine: str) -> Finding:
    """The operating system."""
    if system != "Linux":
        remedy = "run it on Linux: the store asks /proc which processes live and when the machine was started"
        return Finding("platform", "problem", f"{system} {release}, {machine}", remedy)
    return Finding("platform", "ok", f"{system} {release}, {machine}")


def of_space(free: int, where: str) -> Finding:
    """The room on the store's disk."""
    said = f"{size(free)} free at {where}"
    remedy = "make room; runs whose end could not be written are resumed where they were"
    if free < HARDLY_ANY_BYTES:
        return Finding("disk", "problem", said, remedy)
    return Finding("disk", "warning", said, remedy) if free < SCARCE_BYTES else Finding("disk", "ok", said)


def of_log(bytes_: int) -> Finding:
    """The store's write-ahead log."""
    if bytes_ > LARGE_LOG_BYTES:
        remedy = "end what has been reading the store for long (lsof shows it): while somebody reads in the log it grows"
        return Finding("log", "warning", f"the write-ahead log has grown to {size(bytes_)}", remedy)
    return Finding("log", "ok", f"{size(bytes_)} in the write-ahead log")


def of_clock(jump: float, newest_event_at: float | None, now: float) -> Finding:
    """Wall time against the clock that counts from boot, and against what was recorded."""
    ahead = 0.0 if newest_event_at is None else newest_event_at - now
    if ahead > CLOCK_SECONDS:
        said = f"the newest event is dated {duration(ahead)} in the future"
        return Finding(
            "clock", "warning", said, "set the clock right (timedatectl); delays count by it, leases do not"
        )
    if abs(jump) > CLOCK_SECONDS:
        way = "forward" if jump > 0 else "back"
        said = f"since this machine's start wall time was set {way} by {duration(abs(jump))}"
        return Finding(
            "clock",
            "warning",
            said,
            "see that it is kept in step (timedatectl); retries and sleeps are due by it",
        )
    return Finding("clock", "ok", "wall time goes with the time since boot")


def of_runs(
    rows: Sequence[Mapping[str, Any]], standing: Set[str], gone: Set[str], resume: str = "penstock resume RUN"
) -> Iterator[Finding]:
    """Unfinished runs, given the leases that have not lapsed and the runs whose process is known to be gone."""
    running = [row for row in rows if row["status"] == "running"]
    left = [row["id"] for row in running if row["state"] != "leased" or row["id"] in gone]
    silent = [row["id"] for row in running if row["id"] not in standing and row["id"] not in left]
    paused = [row["id"] for row in rows if row["status"] == "paused"]
    driven = len(running) - len(left) - len(silent)
    yield Finding("runs", "ok", f"{plural(driven, 'run')} being driven")
    if left:
        yield _about("left", left, "unfinished that nobody drives", resume)
    if silent:
        remedy = f"look at the process that had it (it may be stopped), or take it over: {resume}"
        yield _about("silent", silent, "silent for longer than a lease", remedy)
    if paused:
        yield _about("paused", paused, "paused until somebody resumes", resume)


def of_schedules(late: Mapping[str, float], serve: str = "penstock serve --schedules") -> Iterator[Finding]:
    """Schedules, by name, that were due so many seconds ago."""
    overdue = {name: seconds for name, seconds in late.items() if seconds > OVERDUE_SECONDS}
    if overdue:
        told = [f"{name} for {duration(seconds)}" for name, seconds in list(overdue.items())[:NAMED]]
        more = f" and {len(overdue) - NAMED:,} more" if len(overdue) > NAMED else ""
        said = f"{plural(len(overdue), 'schedule')} due that nobody fires: {', '.join(told)}{more}"
        yield Finding("schedules", "warning", said, f"start a worker, or {serve}")


def _about(subject: str, runs: Iterable[str], said: str, remedy: str) -> Finding:
    ids = tuple(runs)
    named = ", ".join(run[:8] for run in ids[:NAMED])
    more = f" and {len(ids) - NAMED:,} more" if len(ids) > NAMED else ""
    return Finding(subject, "warning", f"{plural(len(ids), 'run')} {said}: {named}{more}", remedy, ids)
