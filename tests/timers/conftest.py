"""Engines on one store whose wall time a test sets."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.timers.walls import Open, Wall, engines


@pytest.fixture
def clock() -> Wall:
    return Wall()


@pytest.fixture
def open_one(clock: Wall, tmp_path: Path) -> Iterator[Open]:
    with engines(clock, tmp_path, lease_seconds=0.3) as opening:
        yield opening
