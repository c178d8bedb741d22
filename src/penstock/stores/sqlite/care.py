"""Looking after a store: copies, checks, figures for people, and deleting what is over."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterable, Iterator
from typing import Any, Final

from penstock.errors import SettingsError
from penstock.stores.sqlite import faults
from penstock.stores.sqlite.clock import StoreClock
from penstock.stores.sqlite.pruning import Pruning
from penstock.stores.sqlite.queries import statements
from penstock.stores.sqlite.readers import Readers
from penstock.stores.sqlite.writer import Writer

_COUNTED: Final = ("runs", "queued", "events", "letters", "documents", "blobs", "logs")


class Care:
    """What nobody waits for in a run."""

    def __init__(self, path: str, writer: Writer, readers: Readers, clock: StoreClock) -> None:
        self._path = path
        self._writer = writer
        self._readers = readers
        self._clock = clock

    def backup(self, path: str) -> None:
        copy(self._readers, self._path, path)

    def check(self) -> list[str]:
        return wrong(self._readers)

    def health(self) -> dict[str, Any]:
        (schema,), (page,) = self._all("schema_version")[0], self._all("page_size")[0]
        newest = self._all("newest_event_at")
        return {
            "path": self._path,
            "size": _size(self._path),
            "wal_size": _size(f"{self._path}-wal"),
            "page_size": page,
            "schema_version": schema,
            "durability": self._writer.durability,
            "mode": self._all("journal_mode")[0][0],
            "sqlite": sqlite3.sqlite_version,
            "counts": {table: self._readers.all(f"SELECT count(*) FROM {table}")[0][0] for table in _COUNTED},
            "statuses": dict(self._all("statuses")),
            "newest_event_at": newest[0][0] if newest else None,
            "clock_jump": self._clock.wall() - self._clock.lease(),
        }

    def prune(self, runs: Iterable[str], documents: Iterable[str] = ()) -> int:
        return Pruning(self._writer, self._readers).prune(runs, documents)

    def _all(self, name: str) -> list[tuple[Any, ...]]:
        return self._readers.all(statements()[name])


def copy(readers: Readers, path: str, target: str) -> None:
    """Copy one snapshot of the store at `path` into a file beside `target` and move it there when it is whole and synced."""
    place = os.path.abspath(target)
    if os.path.exists(place) and os.path.samefile(place, path):
        raise SettingsError(f"{target} is the store itself; name another file for its copy")
    draft = f"{place}-new"
    try:
        _copy(readers, draft)
        sync(draft)
        os.replace(draft, place)
        sync(os.path.dirname(place))
    except OSError as error:
        raise faults.of_system(error, place) from error
    finally:
        if os.path.exists(draft):
            os.unlink(draft)


def _copy(readers: Readers, draft: str) -> None:
    """In one step: a copy in several would begin anew with every foreign commit, and the snapshot stops no writer."""
    source = readers.borrow()
    try:
        if os.path.exists(draft):
            os.unlink(draft)
        copy = sqlite3.connect(draft, isolation_level=None)
        try:
            source.backup(copy, pages=-1)
        finally:
            copy.close()
    except sqlite3.Error as error:
        raise faults.of_sqlite(error, draft) from error
    finally:
        readers.give_back(source)


def wrong(readers: Readers) -> list[str]:
    """See Store.check."""
    found = damage(readers)
    if found:
        return found
    return [*_wrong_logs(readers), *_wrong_inboxes(readers), *_wrong_leases(readers)]


def damage(readers: Readers) -> list[str]:
    """What SQLite itself finds wrong with the file, whatever its schema."""
    rows = readers.all(statements()["quick_check"])
    return [f"The file is damaged: {text}." for (text,) in rows if text != "ok"]


def _wrong_logs(readers: Readers) -> Iterator[str]:
    for run, first, last, count in readers.all(statements()["logs_with_holes"]):
        yield f"The log of run {run} has {count} events from {first} to {last}: it has a hole."


def _wrong_inboxes(readers: Readers) -> Iterator[str]:
    for run, says, newest in readers.all(statements()["wrong_inboxes"]):
        yield f"Run {run} says its newest letter is {says}, but it is {newest}."


def _wrong_leases(readers: Readers) -> Iterator[str]:
    for table, key in readers.all(statements()["wrong_leases"]):
        yield f"Row {key} of {table} is leased, but by nobody or for ever."


def _size(path: str) -> int:
    try:
        return os.stat(path).st_size
    except FileNotFoundError:
        return 0


def sync(path: str) -> None:
    """Return when a file, or the names in a folder, are on the disk."""
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
