"""Processes here keep nothing, unless a test says otherwise."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from penstock.app import close_all


@pytest.fixture(autouse=True)
def _ephemeral(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("PENSTOCK_STORE", "ephemeral")
    monkeypatch.delenv("PENSTOCK_KEY", raising=False)
    yield
    close_all()
