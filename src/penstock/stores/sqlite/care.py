"""Looking after a store: copies, checks, figures for people, and deleting what is over."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterable, Iterator
from typing import Any, Final

from penstock.errors import SettingsError
from penstock.stores.sqlite import faults
from penstock.stores.sqlite.pruning import Pruning
from penstock.stores.sqlite.queries import statements
from penstock.stores.sqlite.readers import Readers
from penstock.stores.sqlite.writer import Writer

_COUNTED: Final = ("runs", "queued", "events", "letters", "documents", "blobs", "logs")


class Care:
    """What nobody waits for in a run."""

    def __init__(self, path: str, writer: Writer, readers: Readers) -> None:
        self._path = path
        self._writer = writer
        self._readers = readers

    def backup(self, path: str) -> None:
        """Copy one snapshot into a file beside `path` and move it there when it is whole and synced."""
        target = os.path.abspath(path)
        if os.path.exists(target) and os.path.samefile(target, self._path):
            raise SettingsError(f"{path} is the store itself; name another file for its copy")
        draft = f"{target}-new"
        try:
            self._copy(draft)
            _sync(draft)
            os.replace(draft, target)
            _sync(os.path.dirname(target))
        except OSError as error:
            raise faults.of_system(error, target) from error
        finally:
            if os.path.exists(draft):
                os.unlink(draft)

    def _copy(self, draft: str) -> None:
        """In one step: a copy in several would begin anew with every foreign commit, and the snapshot stops no writer."""
        source = self._readers.borrow()
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
            self._readers.give_back(source)

    def check(self) -> list[str]:
        damage = [f"The file is damaged: {text}." for (text,) in self._all("quick_check") if text != "ok"]
        return damage or [*self._wrong_logs(), *self._wrong_inboxes(), *self._wrong_leases()]

    def _all(self, name: str) -> list[tuple[Any, ...]]:
        return self._readers.all(statements()[name])

    def _wrong_logs(self) -> Iterator[str]:
        for run, first, last, count in self._all("logs_with_holes"):
            yield f"The log of run {run} has {count} events from {first} to {last}: it has a hole."

    def _wrong_inboxes(self) -> Iterator[str]:
        for run, says, newest in self._all("wrong_inboxes"):
            yield f"Run {run} says its newest letter is {says}, but it is {newest}."

    def _wrong_leases(self) -> Iterator[str]:
        for table, key in self._all("wrong_leases"):
            yield f"Row {key} of {table} is leased, but by nobody or for ever."

    def health(self) -> dict[str, Any]:
        (schema,), (page,) = self._all("schema_version")[0], self._all("page_size")[0]
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
        }

    def prune(self, runs: Iterable[str]) -> int:
        return Pruning(self._writer, self._readers).prune(runs)


def _size(path: str) -> int:
    try:
        return os.stat(path).st_size
    except FileNotFoundError:
        return 0


def _sync(path: str) -> None:
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
