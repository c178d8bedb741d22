"""Clocks that a test sets, as an administrator or a time server would."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from penstock.app import Engine
from penstock.stores.sqlite import SqliteStore
from penstock.stores.sqlite.clock import LinuxClock

Open = Callable[..., Engine]

HOUR = 3600.0
DAY = 24 * HOUR


class Wall(LinuxClock):
    """The host's clocks; wall time can be set. An engine's clock and a store's."""

    def __init__(self) -> None:
        super().__init__()
        self.shift = 0.0

    def jump(self, seconds: float) -> None:
        self.shift += seconds

    def wall(self) -> float:  # type: ignore[override]
        return time.time() + self.shift

    now = wall
    monotonic = staticmethod(time.monotonic)


@contextmanager
def engines(clock: Wall, folder: Path, lease_seconds: float) -> Iterator[Open]:
    """What opens one engine after another on one store, whose wall time is `clock`; all are closed in the end."""
    opened: list[Engine] = []

    def open_one(lease_seconds: float = lease_seconds) -> Engine:
        store = SqliteStore(folder / "store.db", "crash", host=clock)
        engine = Engine(store, store.url, lease_seconds=lease_seconds)
        engine.clock = clock
        opened.append(engine)
        return engine

    yield open_one
    for engine in opened:
        engine.close()
