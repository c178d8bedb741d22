"""The simulation finds every bug that was put in on purpose, within 300 seeds."""

from __future__ import annotations

import pytest

from penstock.testing.simulation import simulate
from tests.simulation.planted import PLANTED, Planted

SEEDS = range(300)


@pytest.mark.parametrize("bug", PLANTED, ids=[bug.name.replace(" ", "-") for bug in PLANTED])
def test_it_is_found(bug: Planted) -> None:
    with bug.growing():
        campaign = simulate(bug.programs, SEEDS, faults=bug.faults)
    assert campaign.found, f"{bug.name} ({bug.place}) went unseen for {len(SEEDS)} seeds"
    seed, what, _ = campaign.found[0]
    print(f"{bug.place}: {bug.name}: seed {seed}: {what}")


def test_there_are_bugs_in_every_place() -> None:
    assert {bug.place for bug in PLANTED} >= {
        "store",
        "lease",
        "journal",
        "driver",
        "core",
        "machine",
        "program",
        "timers",
        "compensation",
        "children",
    }
    assert len(PLANTED) >= 12
