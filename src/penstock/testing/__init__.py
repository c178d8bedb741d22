"""What Penstock gives those who test: suites that every backend inherits. Each name is loaded when it is first used."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from penstock.testing.store_suite import HandClock, StoreSuite

__all__ = ["HandClock", "StoreSuite"]

_HOMES = {"HandClock": "store_suite", "StoreSuite": "store_suite"}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
