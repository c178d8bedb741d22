"""Engines on one store whose clocks show what a test says."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import penstock
from penstock.app import Engine
from penstock.clocks import VirtualClock
from tests.cli.conftest import cli, folder, spawn  # noqa: F401 - fixtures

START = 1_700_000_000.0  # 14 November 2023, 22:13:20 UTC


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock(START)


Open = Callable[[], Engine]


@pytest.fixture
def another(tmp_path: Path, clock: VirtualClock) -> Iterator[Open]:
    """Engines on one store."""
    engines: list[Engine] = []

    def open_() -> Engine:
        engine = penstock.open(tmp_path / "runs.db", durability="crash")
        engine.clock = clock
        engines.append(engine)
        return engine

    yield open_
    for each in engines:
        each.close()


@pytest.fixture
def engine(another: Open) -> Engine:
    return another()
