"""What Penstock gives those who test: a kit for tests of workflows, and the suites that every backend inherits.

Each name is loaded when it is first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from penstock.lazily import offered

if TYPE_CHECKING:
    from penstock.testing.broker_suite import BrokerSuite
    from penstock.testing.kit import (
        Recording,
        Rehearsal,
        Rehearsed,
        RunLog,
        Stored,
        raised,
        raising,
        record,
        returned,
        simulated,
        stopped,
    )
    from penstock.testing.program_suite import Example, ProgramSuite
    from penstock.testing.simulation import Simulation, simulate
    from penstock.testing.store_suite import HandClock, StoreSuite

__all__ = [
    "BrokerSuite",
    "Example",
    "HandClock",
    "ProgramSuite",
    "Recording",
    "Rehearsal",
    "Rehearsed",
    "RunLog",
    "Simulation",
    "StoreSuite",
    "Stored",
    "raised",
    "raising",
    "record",
    "returned",
    "simulate",
    "simulated",
    "stopped",
]

__getattr__ = offered(
    __name__,
    {
        "BrokerSuite": ".broker_suite",
        "Example": ".program_suite",
        "HandClock": ".store_suite",
        "ProgramSuite": ".program_suite",
        "Recording": ".kit",
        "Rehearsal": ".kit",
        "Rehearsed": ".kit",
        "RunLog": ".kit",
        "Simulation": ".simulation",
        "StoreSuite": ".store_suite",
        "Stored": ".kit",
        "raised": ".kit",
        "raising": ".kit",
        "record": ".kit",
        "returned": ".kit",
        "simulate": ".simulation",
        "simulated": ".kit",
        "stopped": ".kit",
    },
)
