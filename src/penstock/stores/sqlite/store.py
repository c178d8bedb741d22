"""The store in one SQLite file, shared by the processes of one machine."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final, get_args

from penstock.errors import LogTruncated, RunNotFound, SettingsError
from penstock.model.changes import Change, Letter, Row, Verdict
from penstock.ports import Choose, Claim
from penstock.stores.bells import Bells, DatagramBell
from penstock.stores.sqlite import forks, lock, opening, tables
from penstock.stores.sqlite.care import Care
from penstock.stores.sqlite.claims import WINDOW, Claims, Wanted
from penstock.stores.sqlite.clock import HostClock, LinuxClock, StoreClock
from penstock.stores.sqlite.commits import Commits
from penstock.stores.sqlite.lending import OpenTransaction
from penstock.stores.sqlite.queries import json_list, statements
from penstock.stores.sqlite.readers import Readers
from penstock.stores.sqlite.writer import Durability, Writer

_KEYS_AT_ONCE: Final = 500
_made = tuple.__new__  # a NamedTuple's own constructor costs twice as much


class SqliteStore:
    """See Store. `durability` is "power" (survives a power cut) or "crash" (survives kill -9).

    `patience` is how many seconds a write waits for other writers before it raises StoreUnavailable. `network=True` insists on
    a file system on which locks are known not to hold. `host` replaces the host's clocks in tests.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        durability: Durability = "power",
        *,
        patience: float = 10.0,
        network: bool = False,
        host: HostClock | None = None,
    ) -> None:
        if durability not in get_args(Durability):
            raise SettingsError(f"durability {durability!r} means nothing; say 'power' or 'crash'")
        self.path = os.path.abspath(path)
        self.url = f"sqlite:///{self.path}"
        opening.make_folder(self.path)
        if not network:
            lock.refuse_network(self.path)
        self._lock = lock.SideLock(self.path, patience)
        self._writer = Writer(self.path, durability, patience, self._lock)
        self._readers = Readers(self.path, patience)
        self._clock = StoreClock(host or LinuxClock())
        self._bells = Bells(self.path)
        self._commits = Commits(self._writer, self._clock)
        self._claims = Claims(self._writer, self._readers, self._clock)
        self._care = Care(self.path, self._writer, self._readers, self._clock)
        try:
            self._open()
        except BaseException:
            self.close()
            raise

    def _open(self) -> None:
        self._lock.prove()
        opening.open_file(self.path, self._writer, self._lock)
        self._claims.enter_boot()
        forks.guard(self)

    def now(self) -> float:
        return self._clock.wall()

    def commit(self, changes: Sequence[Change]) -> list[Verdict]:
        verdicts, topics = self._commits.write(changes)
        if topics:
            self._bells.ring(topics)
        return verdicts

    @contextmanager
    def transaction(self) -> Iterator[OpenTransaction]:
        """See Transactional."""
        with self._writer.transaction() as connection:
            opened = OpenTransaction(connection, self._writer, self._clock)
            yield opened
        if opened.topics:
            self._bells.ring(opened.topics)

    def read(self, run: str, after: int = 0, limit: int = 10_000) -> list[Row]:
        rows = self._readers.all(statements()["read_events"], (run, after, limit))
        if rows and rows[0][0] != after + 1:
            raise LogTruncated(
                f"the log of run {run} begins at event {rows[0][0]}: those from {after + 1} on were cleaned"
            )
        return [_made(Row, row) for row in rows]

    def follow(self, cursor: str = "", limit: int = 1_000) -> tuple[list[tuple[str, Row]], str]:
        rows = self._readers.all(statements()["follow"], (int(cursor or 0), limit))
        return [(row[1], Row(*row[2:])) for row in rows], str(rows[-1][0]) if rows else cursor

    def inbox(self, run: str, after: int = 0) -> list[Letter]:
        return list(map(Letter._make, self._readers.all(statements()["inbox"], (run, after))))

    def get(self, table: str, keys: Iterable[str]) -> dict[str, dict[str, Any]]:
        tables.check_table(table)
        wanted = list(dict.fromkeys(keys))
        found: dict[str, dict[str, Any]] = {}
        for start in range(0, len(wanted), _KEYS_AT_ONCE):
            page = wanted[start : start + _KEYS_AT_ONCE]
            found |= {
                row[0]: _record(table, row)
                for row in self._readers.all(tables.select(table, len(page)), page)
            }
        return {key: found[key] for key in wanted if key in found}

    def find(
        self,
        table: str,
        where: Mapping[str, Any] | None = None,
        *,
        prefix: str = "",
        after: str | None = None,
        limit: int = 100,
        newest_first: bool = False,
    ) -> list[dict[str, Any]]:
        columns = where or {}
        tables.check_table(table, columns)
        parameters = [*columns.values()]
        if prefix:
            parameters += [prefix, prefix + _LAST_CHARACTER]
        if after is not None:
            parameters.append(self._place(table, after))
        is_open = table == "runs" and columns.get("status") not in (None, "completed")
        sql = tables.find(table, tuple(columns), bool(prefix), after is not None, newest_first, is_open)
        return [_record(table, row) for row in self._readers.all(sql, (*parameters, limit))]

    def _place(self, table: str, key: str) -> int:
        for (rowid,) in self._readers.all(f"SELECT rowid FROM {table} WHERE id = ?", (key,)):
            return int(rowid)
        raise RunNotFound(f"row {key!r} of {table} went while paging: begin again")

    def claim(  # noqa: PLR0913 - the port's
        self,
        table: str,
        owner: str,
        *,
        ttl: float,
        limit: int = 1,
        queue: str | None = None,
        ids: Sequence[str] | None = None,
        choose: Choose | None = None,
        skip: Iterable[str] = (),
    ) -> list[Claim]:
        named = None if ids is None else json_list(ids)
        wanted = Wanted(table, queue, named, json_list(skip), limit if choose is None else max(WINDOW, limit))
        return self._claims.claim(wanted, owner, ttl, limit, choose)

    def extend(self, table: str, held: Iterable[tuple[str, int]], ttl: float) -> set[str]:
        return self._claims.extend(table, held, ttl)

    def next_due(self, table: str, queues: Iterable[str] | None = None) -> float | None:
        self._writer.rest()
        return self._claims.next_due(table, queues)

    def write_logs(self, lines: Sequence[tuple[str, str, int | None, int, float, str, str]]) -> None:
        """A commit of its own; it is on the disk with the next synced one."""
        with self._writer.transaction(durable=False) as connection:
            connection.executemany(statements()["write_log"], lines)

    def read_logs(
        self, run: str, step: str | None = None, after: int = 0, limit: int = 10_000
    ) -> list[tuple[Any, ...]]:
        if step is None:
            return self._readers.all(statements()["read_logs"], (run, after, limit))
        return self._readers.all(statements()["read_step_logs"], (run, after, step, limit))

    def watch(self, topics: Iterable[str]) -> DatagramBell:
        self._writer.check_open()
        return self._bells.watch(topics)

    def ring(self, topics: Iterable[str]) -> None:
        self._writer.check_open()
        self._bells.ring(topics)

    def sync(self) -> None:
        """Return when everything read so far is on the disk, whoever wrote it; call it before telling a user of it."""
        self._writer.settle()

    def backup(self, path: str) -> None:
        self._care.backup(path)

    def check(self) -> list[str]:
        return self._care.check()

    def health(self) -> dict[str, Any]:
        return self._care.health()

    def prune(self, runs: Iterable[str], documents: Iterable[str] = ()) -> int:
        return self._care.prune(runs, documents)

    def close(self) -> None:
        self._readers.close()
        self._writer.close()
        self._lock.close()
        self._bells.close()

    def _abandon(self) -> list[object]:
        """In a forked child: see forks."""
        self._lock.close()
        self._bells.close()
        return [*self._writer.abandon(), *self._readers.abandon()]


_LAST_CHARACTER: Final = "\U0010ffff"


def _record(table: str, row: tuple[Any, ...]) -> dict[str, Any]:
    return dict(zip(tables.COLUMNS[table], row, strict=True))
