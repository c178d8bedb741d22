"""The use of a file by one thread of one process at a time, for front doors that keep a file of their own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def alone_with(path: Path, patience: float = 10.0) -> Iterator[None]:
    """Hold the lock beside a file, whose folder is made if need be; what the disk refuses is raised as a StoreError.

    Raises StoreUnavailable, naming the process that holds the lock, after `patience` seconds.
    """
    from penstock.stores.sqlite import faults
    from penstock.stores.sqlite.lock import SideLock

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = SideLock(str(path), patience)
        try:
            lock.take()
            yield
        finally:
            lock.close()
    except OSError as error:
        raise faults.of_system(error, str(path)) from error
