"""Deterministic simulation: whole engines in virtual time, with faults drawn from a seed.

    from penstock.testing.simulation import simulate

    campaign = simulate(["graph", "function"], range(1_000))
    assert not campaign.found, campaign.report()

One seed decides everything: which programs run, how their steps fare, on how many engines, what users send, what goes wrong and
in which order things happen, down to the middle of each call of a store. After every event invariants are checked (see
`model.invariants` and `audit`); then faults stop, and every run must end as an independent reference says. A seed that fails is
played again with `python -m penstock.testing.simulation --seeds N --log`.

Programs of one's own: a draw makes a `Case` from a `random.Random`; see `case`.
"""

from __future__ import annotations

from penstock.testing.simulation.campaign import Campaign, simulate
from penstock.testing.simulation.case import Case, Draw, Expected, Facts, Fate
from penstock.testing.simulation.faults import Faults, calm, drawn
from penstock.testing.simulation.simulation import Simulation
from penstock.testing.simulation.world import Violation

__all__ = [
    "Campaign",
    "Case",
    "Draw",
    "Expected",
    "Facts",
    "Fate",
    "Faults",
    "Simulation",
    "Violation",
    "calm",
    "drawn",
    "simulate",
]
