"""The store in a JSON file, shared by the processes of one machine.

It is a store in memory, kept the same in every process: each call that changes it is one entry in a journal (see lines),
written under the file's lock after what others appended was read and done again.
"""

from __future__ import annotations

import os
import threading
import time
import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Literal, get_args

from penstock.errors import SettingsError, StoreClosed, StoreError
from penstock.model.changes import Change, Letter, Ok, Row, Verdict
from penstock.ports import Choose, Claim
from penstock.stores.bells import Bells, DatagramBell
from penstock.stores.json_file import document, lines
from penstock.stores.json_file.pair import Pair, put_in_place, told
from penstock.stores.json_file.replica import Replica
from penstock.stores.json_file.states import State
from penstock.stores.memory import MemoryStore
from penstock.stores.sqlite import forks

Durability = Literal["power", "crash"]
UNREADABLE = (ValueError, KeyError, TypeError, AttributeError, AssertionError)
"""What may come of a document or an entry that was not written by a store."""


class JsonFileStore:
    """See Store. `durability` is "power" (survives a power cut) or "crash" (survives kill -9).

    `patience` is how many seconds a call waits for the file's lock before it raises StoreUnavailable. `network=True` insists on
    a file system on which locks are known not to hold. `clock` replaces wall time, by which leases are counted too.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        durability: Durability = "power",
        *,
        patience: float = 10.0,
        network: bool = False,
        clock: Callable[[], float] = time.time,
    ) -> None:
        if durability not in get_args(Durability):
            raise SettingsError(f"durability {durability!r} means nothing; say 'power' or 'crash'")
        self.path = os.path.realpath(path)
        self.url = f"json:///{self.path}"
        self._clock = clock
        self._durability = durability
        self._mutex = threading.RLock()
        self._closed = ""
        self._writes = False
        self._moment = 0.0
        self._pair = Pair(Path(self.path), syncs=durability == "power", patience=patience, network=network)
        weakref.finalize(
            self, self._pair.close
        ).atexit = False  # whoever forgets to close it keeps no descriptor
        self._bells = Bells(self._pair.lock.path)
        self._begin()
        try:
            self._pair.lock.prove()
            with self._reading():
                forks.guard(self)
        except BaseException:
            self.close()
            raise

    def _begin(self) -> None:
        self._disk = Replica()
        self._replica = MemoryStore(clock=lambda: self._moment, disk=self._disk)

    def _check_open(self) -> None:
        if self._closed:
            raise StoreClosed(f"the store {self.path} {self._closed}")

    @contextmanager
    def _reading(self) -> Iterator[MemoryStore]:
        """The store in memory as it is now, for this thread alone."""
        with self._mutex:
            self._check_open()
            if self._pair.changed():
                with self._pair.alone():
                    self._catch_up()
            self._moment = self._clock()
            yield self._replica

    @contextmanager
    def _writing(self) -> Iterator[MemoryStore]:
        """The same, for this thread of this process alone; what was changed must be recorded before the end."""
        with self._mutex:
            self._check_open()
            with self._pair.alone():
                self._catch_up()
                self._moment = self._clock()
                try:
                    yield self._replica
                except BaseException:
                    self._pair.forget()  # what is in memory may not be in the files
                    raise
            topics = self._disk.heard()
        if topics:
            self._bells.ring(topics)

    def _catch_up(self) -> None:
        try:
            found, entries = self._pair.news()
            if found is not None:
                self._begin()
                self._read(found)
            for entry in entries:
                self._replay(entry)
        except BaseException:
            self._pair.forget()
            raise
        self._disk.heard()

    def _read(self, found: Mapping[str, Any]) -> None:
        try:
            document.read(found, self._disk)
        except UNREADABLE as error:
            raise self._pair.damaged(self._pair.path, error) from error

    def _replay(self, entry: lines.Entry) -> None:
        try:
            self._moment = lines.time_of(entry)
            lines.replay(entry, self._replica)
        except UNREADABLE as error:
            raise self._pair.damaged(self._pair.journal, error) from error

    def _record(self, entry: lines.Entry, *, sync: bool = True) -> None:
        self._writes = True
        self._pair.write(entry, self._whole, sync=sync)

    def _whole(self, mark: str) -> bytes:
        return document.written(self._disk, mark)

    def now(self) -> float:
        return self._clock()

    def commit(self, changes: Sequence[Change]) -> list[Verdict]:
        with self._writing() as replica:
            verdicts = replica.commit(changes)
            written = [
                change for change, verdict in zip(changes, verdicts, strict=True) if isinstance(verdict, Ok)
            ]
            if written:
                self._record(lines.committed(self._moment, written))
            else:
                self._pair.sync()  # a duplicate of what somebody was killed over is told only when it is on the disk
        return verdicts

    def read(self, run: str, after: int = 0, limit: int = 10_000) -> list[Row]:
        with self._reading() as replica:
            return replica.read(run, after, limit)

    def follow(self, cursor: str = "", limit: int = 1_000) -> tuple[list[tuple[str, Row]], str]:
        with self._reading() as replica:
            return replica.follow(cursor, limit)

    def inbox(self, run: str, after: int = 0) -> list[Letter]:
        with self._reading() as replica:
            return replica.inbox(run, after)

    def get(self, table: str, keys: Iterable[str]) -> dict[str, dict[str, Any]]:
        with self._reading() as replica:
            return replica.get(table, keys)

    def find(self, table: str, where: Mapping[str, Any] | None = None, **page: Any) -> list[dict[str, Any]]:
        with self._reading() as replica:
            return replica.find(table, where, **page)

    def task(self, name: str) -> Row | State | None:
        """What tells the state of a task: the event of a run, or the state as it was saved by name."""
        with self._reading():
            return self._disk.task(name)

    def claim(
        self, table: str, owner: str, *, ttl: float, choose: Choose | None = None, **which: Any
    ) -> list[Claim]:
        with self._writing() as replica:
            claims = replica.claim(table, owner, ttl=ttl, choose=choose, **which)
            if claims:
                self._record(lines.claimed(self._moment, table, owner, ttl, claims))
        return claims

    def extend(self, table: str, held: Iterable[tuple[str, int]], ttl: float) -> set[str]:
        leases = list(held)
        with self._writing() as replica:
            still = replica.extend(table, leases, ttl)
            if still:
                self._record(lines.extended(self._moment, table, leases, ttl), sync=False)
        return still

    def next_due(self, table: str, queues: Iterable[str] | None = None) -> float | None:
        with self._reading() as replica:
            return replica.next_due(table, queues)

    def write_logs(self, lines_: Sequence[tuple[str, str, int | None, int, float, str, str]]) -> None:
        """On the disk with the next commit."""
        with self._writing() as replica:
            replica.write_logs(lines_)
            if lines_:
                self._record(lines.written(self._moment, lines_), sync=False)

    def read_logs(
        self, run: str, step: str | None = None, after: int = 0, limit: int = 10_000
    ) -> list[tuple[Any, ...]]:
        with self._reading() as replica:
            return replica.read_logs(run, step, after, limit)

    def watch(self, topics: Iterable[str]) -> DatagramBell:
        with self._mutex:
            self._check_open()
            return self._bells.watch(topics)

    def ring(self, topics: Iterable[str]) -> None:
        with self._mutex:
            self._check_open()
            self._bells.ring(topics)

    def backup(self, path: str) -> None:
        target = Path(path).absolute()
        if target.exists() and target.samefile(self.path):
            raise SettingsError(f"{path} is the store itself; name another file for its copy")
        with self._reading():
            data = self._whole(os.urandom(8).hex())
        with told(target):
            put_in_place(target, data)

    def check(self) -> list[str]:
        with self._reading() as replica:
            return replica.check()

    def health(self) -> dict[str, Any]:
        with self._reading() as replica:
            return {
                **replica.health(), "path": self.path, "durability": self._durability, "schema_version": document.SCHEMA,
                "size": _size(self._pair.path), "wal_size": _size(self._pair.journal),
            }  # fmt: skip

    def prune(self, runs: Iterable[str], documents: Iterable[str] = ()) -> int:
        named, also = list(runs), list(documents)
        with self._writing() as replica:
            gone = replica.prune(named, also)
            if gone or also:
                self._record(lines.pruned(self._moment, named, also))
        return gone

    def close(self) -> None:
        """Let the file go. What this handle wrote into the journal is moved into the file, if that can be done now."""
        with self._mutex:
            if not self._closed:
                if self._writes:
                    with suppress(StoreError):  # it is all in the journal, and stays there
                        self.fold()
                self._closed = "was closed"
                self._pair.close()
                self._bells.close()

    def fold(self) -> None:
        """Move what the journal holds into the file."""
        with self._writing():
            if self._pair.is_journal_used:
                self._pair.write_whole(self._whole)

    def _abandon(self) -> list[object]:
        """In a forked child: see forks. The lock is the parent's."""
        self._mutex = threading.RLock()
        self._closed = "was opened before this process was forked; open it again in the child"
        self._pair.close()
        self._bells.close()
        return []


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0
