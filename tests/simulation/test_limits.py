"""Bugs put into limits on purpose are found. That there are none besides, the campaign over all styles says."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from penstock.app.ledgers import StoreLedgers
from penstock.engine.asking import Slot
from penstock.engine.places import Places
from penstock.model import ledgers as rule
from penstock.model.ledgers import Ledger
from penstock.model.limits import Bounds
from penstock.testing.simulation import Faults, simulate

Patch = pytest.MonkeyPatch


def a_stopped_engine_goes_on_recording(patch: Patch) -> None:
    make = Slot.__init__

    def unguarded(self: Any, limits: Any, key: str, asked: Any, guard: Any) -> None:
        make(self, limits, key, asked, None)

    patch.setattr(Slot, "__init__", unguarded)


def slots_of_other_engines_are_not_counted(patch: Patch) -> None:
    def careless(ledger: Ledger, bounds: Bounds) -> int | None:
        most = max((len(part.held) for part in ledger.parts.values()), default=0)
        return None if bounds.at_most is None else max(0, bounds.at_most - most)

    patch.setattr(rule, "room", careless)


def a_ledger_is_written_whoever_was_quicker(patch: Patch) -> None:
    swap = StoreLedgers._swap

    def hasty(self: Any, key: str, ledger: Ledger, version: Any, guards: Any) -> Any:
        _, there = self.read(key)
        return swap(self, key, ledger, there, guards)

    patch.setattr(StoreLedgers, "_swap", hasty)


def slots_of_the_dead_are_kept(patch: Patch) -> None:
    patch.setattr(StoreLedgers, "bury", lambda self, keys: [])


def the_living_are_buried(patch: Patch) -> None:
    def rash(self: Any, others: Mapping[str, int]) -> Mapping[str, int]:
        return {owner: epoch + 1 for owner, epoch in others.items()}

    patch.setattr(StoreLedgers, "_take_over", rash)


def a_failed_attempt_keeps_its_slot(patch: Patch) -> None:
    release = Places._release

    def greedy(self: Any, step: Any) -> None:
        slot, step.slot = step.slot, None
        release(self, step)
        step.slot = slot

    patch.setattr(Places, "_release", greedy)


def what_was_asked_twice_is_forgotten(patch: Patch) -> None:
    patch.setattr(Places, "_unpark", lambda self, run, number=None: None)


BUGS: dict[Callable[[Patch], None], Faults | None] = {
    a_stopped_engine_goes_on_recording: Faults(freeze=0.1, freeze_every=2.0),
    slots_of_other_engines_are_not_counted: None,
    a_ledger_is_written_whoever_was_quicker: Faults(slow=0.9),
    slots_of_the_dead_are_kept: None,
    the_living_are_buried: None,
    a_failed_attempt_keeps_its_slot: None,
    what_was_asked_twice_is_forgotten: None,
}


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.__name__.replace("_", "-"))
def test_a_planted_bug_is_found(bug: Callable[[Patch], None]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        bug(patch)
        campaign = simulate(["limited"], range(400), faults=BUGS[bug], engines=3)
    assert campaign.found, f"{bug.__name__} went unseen for 400 seeds"
    print(campaign.found[0][:2])
