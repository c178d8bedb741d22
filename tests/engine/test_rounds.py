"""The keeper's rounds: what a lease that is not held any more means."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from penstock.engine.rounds import Rounds
from penstock.model.changes import Change, Letter, Put
from penstock.stores.memory import MemoryStore


class Household:
    """Drives run r under lease 1."""

    def __init__(self) -> None:
        self.lost: list[str] = []

    def held_leases(self) -> list[tuple[str, int]]:
        return [("r", 1)]

    def known_letters(self) -> dict[str, int]:
        return {}

    def lease_lost(self, run_id: str) -> None:
        self.lost.append(run_id)

    def deliver(self, run_id: str, letters: Sequence[Letter]) -> None:
        raise AssertionError


@pytest.mark.parametrize(
    ("columns", "lost"),
    [
        ({"state": "done", "epoch": 1, "status": "completed"}, []),
        ({"state": "done", "epoch": 2, "status": "completed"}, ["r"]),
        ({"state": "leased", "epoch": 2, "status": "running"}, ["r"]),
        ({"state": "ready", "epoch": 1, "status": "running"}, ["r"]),
        (None, []),
    ],
    ids=["we ended it", "another ended it", "another drives it", "it was taken from us", "not written yet"],
)
def test_a_lease_that_is_not_held_is_lost_unless_we_ended_the_run(
    columns: dict[str, object] | None, lost: list[str]
) -> None:
    store = MemoryStore()
    if columns is not None:
        store.commit([Change(run="r", puts=[Put("runs", "r", columns)])])
    household = Household()
    time = iter([0.0, 100.0])
    Rounds(household, store, 5.0, lambda: next(time)).walk()
    assert household.lost == lost
