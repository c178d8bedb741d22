"""What SQLite and the disk complain of, as the store's own errors: what happened, to which file, and the remedy."""

from __future__ import annotations

import errno
import os
import sqlite3

from penstock.errors import (
    StoreClosed,
    StoreCorrupt,
    StoreError,
    StoreForeign,
    StoreFull,
    StoreReadOnly,
    StoreUnavailable,
    StoreUnlockable,
)

_LOCK_FAULTS = frozenset(
    {
        sqlite3.SQLITE_IOERR_LOCK,
        sqlite3.SQLITE_IOERR_UNLOCK,
        sqlite3.SQLITE_IOERR_RDLOCK,
        sqlite3.SQLITE_IOERR_CHECKRESERVEDLOCK,
        sqlite3.SQLITE_IOERR_SHMLOCK,
        sqlite3.SQLITE_NOLFS,
    }
)
_SPACE_FAULTS = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_WRITE_FAULTS = frozenset({errno.EROFS, errno.EACCES, errno.EPERM})


def of_sqlite(error: sqlite3.Error, path: str) -> StoreError:
    """The store's error for one of SQLite's."""
    code = getattr(error, "sqlite_errorcode", None)
    if code is None:
        return StoreClosed(f"the store {path} was closed: {error}")
    match code & 0xFF:
        case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
            return StoreUnavailable(
                f"{path} is locked by another program that writes to it or closes it; try again"
            )
        case sqlite3.SQLITE_FULL:
            return full(path)
        case sqlite3.SQLITE_READONLY | sqlite3.SQLITE_PERM | sqlite3.SQLITE_CANTOPEN:
            return _closed_to_us(error, path)
        case sqlite3.SQLITE_NOTADB:
            return StoreForeign(f"{path} is no SQLite database, or its first page is damaged; {_ELSEWHERE}")
        case sqlite3.SQLITE_CORRUPT:
            return StoreCorrupt(f"{path} is damaged ({error}); {_RESTORE}")
        case sqlite3.SQLITE_IOERR:
            return _input_output(error, path, code)
        case _:
            return StoreError(f"{path}: {error}")


_ELSEWHERE = "name another file for the store"
_RESTORE = "restore a backup, or save what can be read with: sqlite3 FILE .recover"


def of_system(error: OSError, path: str) -> StoreError:
    """The store's error for one of the operating system's."""
    if error.errno in _SPACE_FAULTS:
        return full(path)
    if error.errno in _WRITE_FAULTS:
        return read_only(path)
    if error.errno in (errno.ENOLCK, errno.ENOTSUP, errno.ENOSYS):
        return unlockable(path, error.strerror or "no locks")
    return StoreUnavailable(f"{path} cannot be used now: {error.strerror}")


def full(path: str) -> StoreFull:
    return StoreFull(
        f"no room left for {path}; nothing recorded was lost: make room (or raise the quota), then go on"
    )


def read_only(path: str) -> StoreReadOnly:
    return StoreReadOnly(
        f"{path} or its folder cannot be written; give this user the right to write both, or {_ELSEWHERE}"
    )


def unlockable(path: str, why: str) -> StoreUnlockable:
    return StoreUnlockable(
        f"{path} lies where locks do not hold ({why}); put the store on a local disk, or use PostgreSQL"
    )


def is_full(path: str) -> bool:
    """Whether nothing more can be written beside `path`."""
    try:
        space = os.statvfs(os.path.dirname(path) or ".")
    except OSError:
        return False
    return space.f_bavail * space.f_frsize < _LEAST_BYTES


_LEAST_BYTES = 64 * 1024


def _closed_to_us(error: sqlite3.Error, path: str) -> StoreError:
    if is_full(path):
        return full(path)
    if (
        os.path.exists(path)
        and os.access(path, os.R_OK | os.W_OK)
        and os.access(os.path.dirname(path) or ".", os.W_OK)
    ):
        return StoreUnavailable(f"{path} cannot be opened now: {error}")
    return read_only(path)


def _input_output(error: sqlite3.Error, path: str, code: int) -> StoreError:
    if code in _LOCK_FAULTS:
        return unlockable(path, str(error))
    if code == sqlite3.SQLITE_IOERR_CORRUPTFS:
        return StoreCorrupt(f"{path}: the file system under it is damaged; {_RESTORE}")
    if is_full(path):
        return full(path)
    return StoreUnavailable(
        f"{path}: the disk answers with an error ({error}); nothing is known of the last write"
    )
