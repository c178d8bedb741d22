"""Engines on one store whose wall time a test sets."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from penstock.app import Engine
from penstock.stores.sqlite import SqliteStore
from tests.timers.walls import Wall

Open = Callable[[], Engine]


@pytest.fixture
def clock() -> Wall:
    return Wall()


@pytest.fixture
def open_one(clock: Wall, tmp_path: Path) -> Iterator[Open]:
    engines: list[Engine] = []

    def open_one() -> Engine:
        store = SqliteStore(tmp_path / "store.db", "crash", host=clock)
        engine = Engine(store, store.url, lease_seconds=0.3)
        engine.clock = clock
        engines.append(engine)
        return engine

    yield open_one
    for engine in engines:
        engine.close()
