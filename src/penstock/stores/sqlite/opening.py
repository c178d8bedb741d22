"""How a store's file comes into the world, and what is asked of one that is there.

A new file is made in memory with all its tables, written beside its place, synced and moved there: nobody ever sees half a
store, and its first page is on the disk before anything is committed to it (SQLite throws a write-ahead log away when the
database beside it is empty). The database file itself is never opened but by SQLite: closing a descriptor of one's own would
drop SQLite's locks on it.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from penstock.errors import SettingsError
from penstock.stores.sqlite import faults, schema
from penstock.stores.sqlite.lock import SideLock
from penstock.stores.sqlite.writer import Writer

PAGE_BYTES: Final = 2048
_WAL_VERSIONS: Final = slice(18, 20)
"""Where the header says that the file is written through a log: see "Database File Format", 1.3.3."""


def open_file(path: str, writer: Writer, lock: SideLock) -> None:
    """Leave `writer` open on a sound store of the newest schema, made or brought forward if need be."""
    if is_missing(path):
        _alone(lock, lambda: _make(path) if is_missing(path) else None)
    if not os.access(path, os.W_OK):
        raise faults.read_only(path)
    writer.open()


def is_missing(path: str) -> bool:
    """Whether there is nothing, or an empty file, where the store should be."""
    try:
        about = os.stat(path)
    except FileNotFoundError:
        return True
    except OSError as error:
        raise faults.of_system(error, path) from error
    if not os.path.isfile(path):
        raise SettingsError(f"{path} is no file; name a file for the store")
    return about.st_size == 0


def make_folder(path: str) -> None:
    try:
        os.makedirs(os.path.dirname(path), exist_ok=True)
    except OSError as error:
        raise faults.of_system(error, path) from error


def _alone(lock: SideLock, work: Callable[[], None]) -> None:
    lock.take()
    try:
        work()
    finally:
        lock.leave()


def _make(path: str) -> None:
    draft = f"{path}-new"
    try:
        _write(draft, _empty_store())
        os.rename(draft, path)
        _sync_folder(path)
    except OSError as error:
        with suppress(OSError):
            os.unlink(draft)
        raise faults.of_system(error, path) from error


def _empty_store() -> bytes:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    try:
        connection.execute(f"PRAGMA page_size = {PAGE_BYTES}")
        connection.execute(f"PRAGMA application_id = {schema.APPLICATION}")
        schema.migrate(connection)
        image = bytearray(connection.serialize())
    finally:
        connection.close()
    image[_WAL_VERSIONS] = b"\x02\x02"
    return bytes(image)


def _write(path: str, data: bytes) -> None:
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o666)
    try:
        while data:
            data = data[os.write(fd, data) :]
        os.fsync(fd)
    finally:
        os.close(fd)


def _sync_folder(path: str) -> None:
    fd = os.open(os.path.dirname(path), os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
