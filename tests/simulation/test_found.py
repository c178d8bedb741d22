"""What seeds beyond the campaign's found, each as the smallest case that shows it."""

from __future__ import annotations

from random import Random

import pytest

from penstock.model.limits import Limit
from penstock.model.policies import Policy
from penstock.testing.simulation import Fate, Simulation, calm
from penstock.testing.simulation.programs.graphs import GraphCase
from penstock.testing.simulation.programs.specs import Spec


def failing_map_beside_a_task(chance: Random) -> GraphCase:
    """One step at a time; the items and the task need slots besides."""
    under = Policy(limit=Limit("two", at_most=2))
    specs = [
        Spec("numbers", (), 1, size=7),
        Spec("items", ("numbers",), 2, over="numbers", window=3, policy=under),
        Spec("beside", ("numbers",), 3, policy=under),
    ]
    how = {"fail_fast": False, "limit": 1, "timeout": None, "hooks": []}
    return GraphCase("graph", specs, {("items", 0): Fate(1)}, how)


@pytest.mark.parametrize("seed", range(5))
def test_a_step_goes_on_though_what_was_held_back_before_it_was_dropped(seed: int) -> None:
    simulation = Simulation(
        seed, [failing_map_beside_a_task], faults=calm(), engines=1, runs=1, commands=False, steered=False
    )
    simulation.play()
    started = [line for line in simulation.world.lines if "step_started beside" in line]
    assert len(started) == 1
