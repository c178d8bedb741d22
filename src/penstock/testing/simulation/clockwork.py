"""Who fires schedules, on behalf of a simulated process, as often as `penstock serve --schedules` looks."""

from __future__ import annotations

from contextlib import suppress

from penstock.app.scheduling.firing import Firer
from penstock.app.scheduling.serving import LOOK_SECONDS
from penstock.errors import StoreError
from penstock.testing.simulation.office import Office
from penstock.testing.simulation.world import Actor, Crashed, World


class Clockwork:
    """The real rules for firing, a round after another."""

    def __init__(self, office: Office, world: World) -> None:
        self._world = world
        self._actor = Actor(office.process, "clock")
        self._firer = Firer(office)
        self._again()

    def _again(self) -> None:
        wait = self._firer.seconds_to_wait(LOOK_SECONDS) + self._world.between(0.0, 0.05)
        self._world.later(wait, self._actor, self._round)

    def _round(self) -> None:
        try:
            with suppress(StoreError):  # what is due stays due
                self._look()
        except Crashed:
            self._world.counts["fault crash of a clockwork"] += 1
            raise
        self._again()

    def _look(self) -> None:
        if self._firer.is_due:
            self._firer.fire()
        else:
            self._firer.look()
