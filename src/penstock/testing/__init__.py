"""What Penstock gives those who test: suites that every backend inherits. Each name is loaded when it is first used."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from penstock.testing.program_suite import Example, ProgramSuite
    from penstock.testing.simulation import Simulation, simulate
    from penstock.testing.store_suite import HandClock, StoreSuite

__all__ = ["Example", "HandClock", "ProgramSuite", "Simulation", "StoreSuite", "simulate"]

_HOMES = {
    "Example": "program_suite",
    "HandClock": "store_suite",
    "ProgramSuite": "program_suite",
    "Simulation": "simulation",
    "StoreSuite": "store_suite",
    "simulate": "simulation",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
