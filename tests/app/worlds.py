"""Two engines on one store, one of which can be made to die without a word."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from penstock.app import Engine, Run, open_engine
from penstock.errors import CommandRefused
from penstock.stores.memory import MemoryStore

SOON = 60.0
LEASE = 30.0
"""Longer than any machine keeps a keeper waiting; `World.kill` has leases lapse at once."""


class Shared(MemoryStore):
    """Belongs to several engines: it is closed when all are."""

    def close(self) -> None:
        pass


class World:
    """A store, and engines on it."""

    def __init__(self, kind: str, folder: Path) -> None:
        self.path = folder / "runs.db"
        self.memory = Shared() if kind == "memory" else None
        self.engines: list[Engine] = []

    def engine(self, **options: Any) -> Engine:
        options.setdefault("lease_seconds", LEASE)
        if self.memory is not None:
            made = Engine(self.memory, "memory:", **options)
        else:
            made = open_engine(f"sqlite:///{self.path}", durability="crash", **options)
        self.engines.append(made)
        return made

    def kill(self, engine: Engine) -> None:
        """Its keeper extends no lease any more, it gives none back, and all have lapsed: for others its process is gone."""
        assert engine._keeper is not None
        engine._keeper.close()
        engine._keeper = None
        engine.durable_store().extend("runs", engine.held_leases(), -1.0)
        engine.give_back = lambda run_id, epoch: None  # type: ignore[method-assign]

    def close(self) -> None:
        for engine in self.engines:
            engine.close()
        if self.memory is not None:
            MemoryStore.close(self.memory)


def take_up(engine: Engine, run_id: str, definition: Any = None) -> Run[Any]:
    """Resume a run as soon as nobody else has it."""
    end = time.monotonic() + SOON
    while True:
        try:
            return engine.resume(run_id, definition)
        except CommandRefused:
            assert time.monotonic() < end
            time.sleep(0.02)


def until(true: Callable[[], bool]) -> None:
    end = time.monotonic() + SOON
    while not true():
        assert time.monotonic() < end
        time.sleep(0.005)


@contextmanager
def gate() -> Iterator[tuple[threading.Event, threading.Event]]:
    """(running, release); released at the end whatever happens."""
    running, release = threading.Event(), threading.Event()
    try:
        yield running, release
    finally:
        release.set()


@pytest.fixture(params=["memory", "sqlite"])
def world(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    made = World(request.param, tmp_path)
    yield made
    made.close()
