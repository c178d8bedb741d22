"""The one connection that writes, and when what it wrote is durable.

A commit is made with synchronous=NORMAL: SQLite then syncs nothing but around checkpoints. For `power` the store syncs the
write-ahead log itself, by a descriptor of its own and after it left the writers' lock, so that other processes write meanwhile.
The log is a prefix: what a later sync saves includes all that was committed before it. Frames that a checkpoint moved were
synced with the database before the log starts over, and the file stays the same as long as a connection is open.
"""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, Final, Literal

from penstock.errors import CommandRefused, StoreClosed, StoreError, StoreUnavailable
from penstock.stores.sqlite import faults, schema
from penstock.stores.sqlite.lock import SideLock

Durability = Literal["power", "crash"]

CHECKPOINT_PAGES: Final = 2_000
"""Pages in the write-ahead log after which a commit moves them into the database."""
WAL_BYTES: Final = 8 * 1024 * 1024
"""What the write-ahead log is cut to when it starts over: more than it grows to between two checkpoints."""
CACHE_KILOBYTES: Final = 8_000


def connect(path: str, *, timeout: float) -> sqlite3.Connection:
    """A connection that any thread may use; the file must exist."""
    try:
        connection = sqlite3.connect(
            f"file:{_quoted(path)}?mode=rw",
            uri=True,
            timeout=timeout,
            isolation_level=None,
            check_same_thread=False,
            cached_statements=256,
        )
    except sqlite3.Error as error:
        raise faults.of_sqlite(error, path) from error
    return connection


def _quoted(path: str) -> str:
    return path.replace("%", "%25").replace("?", "%3f").replace("#", "%23")


class Writer:
    """Writes for all threads of this process, one at a time."""

    def __init__(self, path: str, durability: Durability, patience: float, lock: SideLock) -> None:
        self.path = path
        self.durability = durability
        self._syncs = durability == "power"
        self._patience = patience
        self._lock = lock
        self._mutex = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        self._wal: int | None = None
        self._doubtful = False
        self._lent_to: int | None = None  # the thread of the step that has the connection
        self._closed = ""
        self._writes = self._writes_at_rest = 0
        self._empty = True
        self._fdatasync = os.fdatasync

    def open(self) -> sqlite3.Connection:
        """The connection, opened where it is not; called with the mutex held or before anybody else knows the writer."""
        self.check_open()
        if self._connection is None:
            connection = connect(self.path, timeout=self._patience)
            try:
                self._wal = self._prepare(connection)
            except sqlite3.Error as error:
                connection.close()
                raise faults.of_sqlite(error, self.path) from error
            except BaseException:
                connection.close()
                raise
            self._connection = connection
            self._execute = connection.cursor().execute
        return self._connection

    def check_open(self) -> None:
        if self._closed:
            raise StoreClosed(f"the store {self.path} {self._closed}")

    def _prepare(self, connection: sqlite3.Connection) -> int:
        if schema.is_behind(connection, self.path):
            self._bring_forward(connection)
        for setting in (
            "synchronous = NORMAL",
            f"wal_autocheckpoint = {CHECKPOINT_PAGES}",
            f"journal_size_limit = {WAL_BYTES}",
            f"cache_size = -{CACHE_KILOBYTES}",
            "temp_store = MEMORY",
            "secure_delete = OFF",
        ):
            connection.execute(f"PRAGMA {setting}")
        (mode,) = connection.execute("PRAGMA journal_mode = WAL").fetchone()
        if mode != "wal":
            raise faults.unlockable(self.path, f"SQLite insists on journal mode {mode}")
        if self._doubtful:
            _move_everything(connection, self.path)
            self._doubtful = False
        connection.execute("SELECT 1 FROM sqlite_schema").fetchone()
        return os.open(f"{self.path}-wal", os.O_RDONLY | os.O_CLOEXEC)

    def _bring_forward(self, connection: sqlite3.Connection) -> None:
        self._lock.take()
        try:
            schema.migrate(connection)
        finally:
            self._lock.leave()

    def run(self, sql: str, parameters: Sequence[Any]) -> None:
        """One statement that is a commit of its own, durable on return. IntegrityError passes as it is."""
        if self._lent_to is not None:
            self._refuse_its_own_thread()
        with self._mutex:
            if self._connection is None:
                self.open()
            self._lock.take()
            self._writes += 1
            self._empty = False
            try:
                self._execute(sql, parameters)
            except sqlite3.IntegrityError:
                raise
            except sqlite3.Error as error:
                raise faults.of_sqlite(error, self.path) from error
            finally:
                self._lock.leave()
        if self._syncs:
            self.sync()

    @contextmanager
    def transaction(self, *, durable: bool = True) -> Iterator[sqlite3.Connection]:
        """BEGIN IMMEDIATE … COMMIT, durable on return; whatever is raised inside undoes it all."""
        self._refuse_its_own_thread()
        with self._mutex:
            connection = self._connection or self.open()
            before = connection.total_changes
            self._writes += 1
            self._empty = False
            self._lock.take()
            try:
                yield from self._transact(connection)
            except sqlite3.IntegrityError:
                raise
            except sqlite3.Error as error:
                raise faults.of_sqlite(error, self.path) from error
            finally:
                self._lock.leave()
            wrote = connection.total_changes != before
        if wrote and durable and self._syncs:
            self.sync()

    def _transact(self, connection: sqlite3.Connection) -> Iterator[sqlite3.Connection]:
        connection.execute("BEGIN IMMEDIATE")
        try:
            yield connection
            connection.execute("COMMIT")
        except BaseException:
            if connection is self._connection and connection.in_transaction:
                connection.execute("ROLLBACK")
            raise

    @contextmanager
    def lent(self) -> Iterator[None]:
        """The connection is a step's meanwhile. Called inside a transaction."""
        self._lent_to = threading.get_ident()
        try:
            yield
        finally:
            self._lent_to = None

    def _refuse_its_own_thread(self) -> None:
        if self._lent_to == threading.get_ident():
            raise CommandRefused(
                "a step with transaction=True cannot write to its store in another way, which would wait for the step to end:"
                " use the connection it is given"
            )

    def forget(self) -> None:
        """The connection was closed by whom it was lent to: the next use opens another. Called inside a transaction."""
        self._release()

    def settle(self) -> None:
        """What this store's durability asks for before something read may be told as a fact."""
        if self._syncs:
            self.sync()

    def sync(self) -> None:
        """Return when all that was committed before, by any process, is on the disk. An error is never tried again."""
        wal = self._wal
        if wal is None:
            with self._mutex:
                self.open()
            return
        try:
            self._fdatasync(wal)
        except OSError as error:
            self._distrust(wal)
            raise StoreUnavailable(
                f"the disk under {self.path} could not keep what was written ({error.strerror}): read again what is there"
            ) from error
        if self._wal != wal:
            raise StoreUnavailable(
                f"{self.path} was closed while something was written: nothing is known of its outcome"
            )

    def _distrust(self, wal: int) -> None:
        """After a failed sync nobody knows what is on the disk: the next use opens anew and writes all of it again."""
        with self._mutex:
            if self._wal == wal:
                self._doubtful = True
                self._release()

    def rest(self) -> None:
        """To be called about once a second by whoever waits for work: with no write since the last call the log is emptied."""
        writes, self._writes_at_rest = self._writes_at_rest, self._writes
        if writes == self._writes and not self._empty:
            with suppress(StoreError):  # nothing depends on it, and who writes next is told what is wrong
                self.checkpoint()

    def checkpoint(self) -> None:
        """Move the write-ahead log into the database and cut it to nothing, unless somebody reads or writes just now."""
        with self._mutex:
            connection = self._connection or self.open()
            if self._lock.take_now():
                try:
                    self._empty = _emptied(connection)
                except sqlite3.Error as error:
                    raise faults.of_sqlite(error, self.path) from error
                finally:
                    self._lock.leave()

    def close(self, why: str = "was closed") -> None:
        with self._mutex:
            if not self._closed:
                self._closed = why
                self._release()

    def _release(self) -> None:
        wal, connection, self._wal, self._connection = self._wal, self._connection, None, None
        if connection is not None:
            connection.close()
        if wal is not None:
            os.close(wal)

    def abandon(self) -> list[object]:
        """In a forked child: forget everything without touching the database; what must not be closed is returned."""
        self._closed = "was opened before this process was forked; open it again in the child"
        self._mutex = threading.Lock()
        kept, wal = [self._connection], self._wal
        self._connection = self._wal = None
        if wal is not None:
            os.close(wal)
        return list(kept)


def _move_everything(connection: sqlite3.Connection, path: str) -> None:
    """Write every frame into the database, which SQLite syncs: the way to a known state after a sync that failed."""
    if not _emptied(connection):
        raise StoreUnavailable(f"{path} is being read elsewhere while a failed sync is made good; try again")


def _emptied(connection: sqlite3.Connection) -> bool:
    """Whether the whole write-ahead log could be moved into the database at once; readers are not waited for."""
    (timeout,) = connection.execute("PRAGMA busy_timeout").fetchone()
    connection.execute("PRAGMA busy_timeout = 0")
    try:
        (busy, _, _) = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    finally:
        connection.execute(f"PRAGMA busy_timeout = {timeout}")
    return not busy
