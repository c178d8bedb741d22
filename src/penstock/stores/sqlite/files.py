"""A store's file as a whole: looked at without changing it, copied, put in the place of another.

Opening a store brings an older file forward; nothing here does. What is put in another's place is checked first, and nobody may
have the other open: a process that does would go on writing into the file that was set aside.
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
import struct
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Final, NamedTuple

from penstock.errors import StoreCorrupt, StoreUnavailable
from penstock.stores.sqlite import care, faults, queries, schema
from penstock.stores.sqlite.clock import LinuxClock
from penstock.stores.sqlite.lock import SideLock, deed
from penstock.stores.sqlite.queries import statements
from penstock.stores.sqlite.readers import Readers
from penstock.stores.sqlite.writer import connect

PATIENCE_SECONDS: Final = 10.0

_LOCK_START: Final = 0x4000_0000
_LOCK_BYTES: Final = 512
"""The bytes SQLite locks: pending, reserved, then 510 shared, of which a connection in WAL mode holds one while it is open; see
os_unix.c of SQLite."""

_FLOCK: Final = "hhqqi"
_BESIDE: Final = ("-wal", "-shm")


class Schemas(NamedTuple):
    """The schema a file has, and the newest this version of Penstock writes."""

    found: int
    newest: int


def schemas(path: str) -> Schemas:
    """Which schema a file has. Raises StoreForeign, StoreTooNew or another StoreError."""
    connection = connect(path, timeout=PATIENCE_SECONDS)
    try:
        schema.is_behind(connection, path)
        (found,) = connection.execute("PRAGMA user_version").fetchone()
    except sqlite3.Error as error:
        raise faults.of_sqlite(error, path) from error
    finally:
        connection.close()
    return Schemas(found, queries.newest())


def problems(path: str) -> list[str]:
    """See Store.check; of a file of an older schema only what SQLite itself finds."""
    found, newest = schemas(path)
    with _reading(path) as readers:
        return care.wrong(readers) if found == newest else care.damage(readers)


def standing_leases(path: str) -> list[tuple[str, str]]:
    """(run, owner) of the leases on runs that have not lapsed. Raises StoreError, also for what is no store."""
    schemas(path)
    host = LinuxClock()
    with _reading(path) as readers:
        origins = readers.all(statements()["boot_origin"], (host.boot,))
        if not origins:  # nobody opened it since this machine was started
            return []
        return readers.all(statements()["standing_leases"], (origins[0][0] + host.since_boot(),))


def copy(path: str, target: str) -> None:
    """See Store.backup; the file stays of the schema it is of."""
    with _reading(path) as readers:
        care.copy(readers, path, target)


def replace(path: str, source: str, aside: str) -> bool:
    """Put a copy of `source` in the place of `path`, whose file becomes `aside`; whether there was one.

    Raises StoreCorrupt if the copy is not sound, StoreUnavailable if a process has `path` open; nothing is changed then.
    """
    schemas(source)
    draft = f"{path}-restored"
    try:
        copy(source, draft)
        _refuse_unsound(draft, source)
        with _held(SideLock(path, PATIENCE_SECONDS)):  # nobody makes a store there meanwhile
            return _change_places(path, draft, aside)
    except OSError as error:
        raise faults.of_system(error, path) from error
    finally:
        for name in (draft, *(f"{draft}{end}" for end in _BESIDE)):
            with suppress(FileNotFoundError):
                os.unlink(name)


def _refuse_unsound(path: str, called: str) -> None:
    if found := problems(path):
        raise StoreCorrupt(f"{called} is not sound: {found[0]} Restore another backup")


def _change_places(path: str, draft: str, aside: str) -> bool:
    try:
        fd = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        os.rename(draft, path)
        return False
    try:
        _refuse_open(fd, path)
        for end in (*_BESIDE, ""):  # what is left of a log belongs to its file
            with suppress(FileNotFoundError):
                os.rename(f"{path}{end}", f"{aside}{end}")
        os.rename(draft, path)
        care.sync(os.path.dirname(path))
    finally:
        os.close(fd)
    return True


def _refuse_open(fd: int, path: str) -> None:
    """Lock the whole file against SQLite, or raise StoreUnavailable with the name of a process that has it open."""
    try:
        fcntl.lockf(fd, fcntl.LOCK_EX | fcntl.LOCK_NB, _LOCK_BYTES, _LOCK_START)
    except (BlockingIOError, PermissionError) as error:
        asked = struct.pack(_FLOCK, fcntl.F_WRLCK, os.SEEK_SET, _LOCK_START, _LOCK_BYTES, 0)
        process = struct.unpack(_FLOCK, fcntl.fcntl(fd, fcntl.F_GETLK, asked)[: len(asked)])[-1]
        who = f"process {process} ({deed(process)})" if process > 0 else "another process"
        raise StoreUnavailable(
            f"{who} has {path} open, and would go on writing into the file that is set aside: end it, then try again"
        ) from error


@contextmanager
def _reading(path: str) -> Iterator[Readers]:
    readers = Readers(path, PATIENCE_SECONDS)
    try:
        yield readers
    finally:
        readers.close()


@contextmanager
def _held(lock: SideLock) -> Iterator[None]:
    lock.take()
    try:
        yield
    finally:
        lock.leave()
        lock.close()
