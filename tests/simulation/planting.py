"""Bugs put in on purpose, each in one place of the real code: what a simulation that is worth its time must find.

Each entry of PLANTED patches the code while its block lasts. Half of them are faults that the simulation really found. One that
names no programs and needs no weather is found by the campaign itself: the same programs, the same seeds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from penstock.testing.simulation import Campaign, Faults, simulate, simulation
from penstock.testing.simulation.programs import STYLES

SEEDS = range(300)
POWERS = ("timers", "signals", "limits", "children", "compensation", "schedules", "forks")


@dataclass
class Planted:
    """One bug: where it is, how it is put in, and where it is looked for: in some programs, in some weather."""

    name: str
    place: str
    plant: Callable[[pytest.MonkeyPatch], None]
    programs: tuple[str, ...]

    @property
    def how(self) -> dict[str, Any]:
        """Rare coincidences are looked for in the weather that brings them, among many runs."""
        if self.name not in WEATHER:
            return {}
        return {"faults": WEATHER[self.name], "runs": 3, **({"engines": 3} if self.name in CROWDED else {})}

    @property
    def in_the_open(self) -> bool:
        """Whether it is found by the campaign itself."""
        return self.programs == tuple(STYLES) and self.name not in WEATHER

    @contextmanager
    def growing(self) -> Iterator[None]:
        with pytest.MonkeyPatch.context() as patch:
            # So that one that hangs is found sooner. No healthy run of these seeds comes near.
            patch.setattr(simulation, "MOST_SECONDS", 150.0)
            self.plant(patch)
            yield

    def looked_for(self) -> Campaign:
        """The seeds up to the first that finds it."""
        with self.growing():
            return simulate(self.programs, SEEDS, **self.how)


PLANTED: list[Planted] = []

WEATHER = {
    "a late claim is used though a newer one overtook it": Faults(
        freeze=0.2, lost_reply=0.1, crash_every=2.0
    ),
    "a run that finished after its claim is adopted": Faults(freeze=0.1, freeze_every=2.0),
    "after a lost reply every conflict is taken for success": Faults(
        lost_reply=0.1, unavailable=0.1, freeze=0.2, freeze_every=4.0
    ),
    "one letter too many is taken": Faults(writer_seconds=1.0, crash_every=3.0, lost_reply=0.1),
    "waits follow a clock that is set": Faults(jump_every=0.3),
    "what a forgiven failure stopped stays cancelled": Faults(crash_after=0.1),
    "a parent does not wait for the child it cancels": Faults(slow=0.1),
    "no cancel passes down": Faults(slow=0.1),
    "a failure that was heard of is passed up again": Faults(crash_after=0.03, crash_every=5.0),
    "a stopped engine goes on recording": Faults(freeze=0.1, freeze_every=2.0),
    "a ledger is written whoever was quicker": Faults(slow=0.5, writer_seconds=0.05),
    "slots of other engines are not counted": Faults(slow=0.1),
    "the living are buried": Faults(slow=0.1),
}
CROWDED = {
    "a stopped engine goes on recording",
    "slots of other engines are not counted",
    "a ledger is written whoever was quicker",
    "the living are buried",
}
"""These need three engines."""


def planted(place: str, *programs: str) -> Callable[[Callable[[pytest.MonkeyPatch], None]], Any]:
    """Add a bug that is in this place, and is looked for in these programs, else in all."""

    def note(plant: Callable[[pytest.MonkeyPatch], None]) -> Any:
        PLANTED.append(Planted(plant.__name__.replace("_", " "), place, plant, programs or tuple(STYLES)))
        return plant

    return note
