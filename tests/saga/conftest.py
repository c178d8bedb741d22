"""Runs here keep nothing, unless a test says otherwise."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import penstock


@pytest.fixture(autouse=True)
def _ephemeral(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PENSTOCK_STORE", "ephemeral")


@pytest.fixture
def durable(tmp_path: Path) -> Iterator[penstock.Engine]:
    """An engine that keeps runs."""
    with penstock.open(f"sqlite:///{tmp_path / 'runs.db'}") as engine:
        yield engine
