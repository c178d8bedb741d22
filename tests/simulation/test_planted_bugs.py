"""The simulation finds every bug that was put in on purpose, within 300 seeds."""

from __future__ import annotations

import pytest

from tests.simulation import planted, planted_powers
from tests.simulation.planting import PLANTED, POWERS, SEEDS, Planted

assert planted.planted is planted_powers.planted, "both have added their bugs"


OF_ITS_OWN = ("AttributeError", "ImportError", "NameError", "TypeError")
"""What a bug comes to that is put into code that has changed."""


@pytest.mark.parametrize("bug", PLANTED, ids=[bug.name.replace(" ", "-") for bug in PLANTED])
def test_it_is_found(bug: Planted) -> None:
    campaign = bug.looked_for()
    assert campaign.found, f"{bug.name} ({bug.place}) went unseen for {len(SEEDS)} seeds"
    seed, what, _ = campaign.found[0]
    assert not what.startswith(OF_ITS_OWN), f"{bug.name} is out of date: {what}"
    print(f"{bug.place}: {bug.name}: seed {seed}: {what}")


def test_there_are_bugs_in_every_place() -> None:
    places = {bug.place for bug in PLANTED}
    assert places >= {"store", "lease", "journal", "driver", "core", "machine", "program", *POWERS}


@pytest.mark.parametrize("power", POWERS)
def test_the_campaign_itself_finds_bugs_in_every_power(power: str) -> None:
    """The seeds that everything shares, and the faults drawn by them, find at least two."""
    found = [bug.name for bug in PLANTED if bug.place == power and bug.in_the_open]
    assert len(found) >= 2, found
