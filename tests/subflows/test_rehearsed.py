"""Workflows with runs of their own in rehearsals, and in the command that simulates."""

from __future__ import annotations

from penstock.testing import simulated
from tests.subflows import family


def test_a_child_is_rehearsed_as_a_run_of_its_own() -> None:
    with simulated(family.flow) as rehearsal:
        assert rehearsal.run(text=" abc ").result() == "3 letters"


def test_something_may_stand_in_for_a_child() -> None:
    with simulated(family.flow, replace={"counting": 7}) as rehearsal:
        assert rehearsal.run(text=" abc ").result() == "7 letters"
