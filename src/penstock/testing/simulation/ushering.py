"""Who gives steps their places under limits, on behalf of a simulated process: the real rounds over the real ledgers."""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from typing import Any

from penstock.app.ledgers import StoreLedgers
from penstock.engine.limits import Limits
from penstock.engine.slots import SlotRounds
from penstock.errors import LeaseLost, StoreError
from penstock.ports import Clock
from penstock.testing.simulation.world import Actor, Process, World

PATIENCE = 0.05
"""Seconds until it looks again if the store did not let it."""


class Usher:
    """Makes the rounds when somebody asked for it and when one is due. `limits` are the engine's, made when first needed."""

    def __init__(
        self, process: Process, world: World, store: Any, clock: Clock, lease_seconds: float
    ) -> None:
        self._world = world
        self._actor = Actor(process, "usher")
        self._ledgers = partial(StoreLedgers, store, process.name, lease_seconds)
        self._lease_seconds = lease_seconds
        self._clock = clock
        self._rounds: SlotRounds | None = None
        self._due: float | None = None

    @property
    def limits(self) -> Limits:
        if self._rounds is None:
            self._rounds = SlotRounds(self._ledgers(), self._lease_seconds, self._stir, self._clock.monotonic)
        return self._rounds.limits

    def _stir(self) -> None:
        self._walk_at(self._world.now + self._world.between(0.0, 0.02))

    def _walk_at(self, when: float) -> None:
        if self._due is None or when < self._due:
            self._due = when
            self._world.later(when - self._world.now, self._actor, partial(self._walk, when))

    def _walk(self, when: float) -> None:
        if self._due != when or self._rounds is None:
            return
        self._due = None
        patience = PATIENCE
        try:
            with suppress(StoreError, LeaseLost):  # busy for now; what is due stays due
                self._rounds.walk()
                patience = self._rounds.patience()
        finally:
            self._walk_at(self._world.now + patience)
