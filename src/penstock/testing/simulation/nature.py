"""Faults from outside: processes die and are stopped, clocks are set, the store answers nobody."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Protocol

from penstock.testing.simulation.engine import SimulatedEngine
from penstock.testing.simulation.faults import Weather
from penstock.testing.simulation.world import Actor, Process, World


class Stage(Protocol):
    """Where they strike, as long as faults have not ended."""

    world: World
    weather: Weather
    ending: bool

    @property
    def engines(self) -> Sequence[SimulatedEngine]: ...


class Nature:
    """See the module. `hand` is who does what nobody in particular does."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._world = stage.world
        self.hand = Actor(Process("nature"), "hand")

    def plan(self) -> None:
        """Decide what strikes, and when first."""
        faults = self._stage.weather.faults
        self._again(faults.crash_every, self._crash_one)
        self._again(faults.freeze_every, self._freeze_one)
        self._again(faults.jump_every, self._jump_one)
        self._again(faults.outage_every, self._outage)

    def _again(self, every: float, what: Callable[[], None]) -> None:
        if every and not self._stage.ending:
            self._world.later(
                self._world.between(0.0, 2 * every), self.hand, partial(self._strike, every, what)
            )

    def _strike(self, every: float, what: Callable[[], None]) -> None:
        if not self._stage.ending:
            what()
            self._again(every, what)

    def _one(self) -> SimulatedEngine | None:
        alive = [engine for engine in self._stage.engines if not engine.dead]
        return alive[int(self._world.chance.random() * len(alive))] if alive else None

    def _crash_one(self) -> None:
        engine = self._one()
        if engine is not None:
            self._world.fault("crash", engine.name)
            engine.crash()

    def _freeze_one(self) -> None:
        engine = self._one()
        if engine is not None:
            self._world.fault("process stopped for a while", engine.name)
            engine.frozen_until = self._world.now + self._world.between(0.1, 12.0)

    def _jump_one(self) -> None:
        engine = self._one()
        if engine is not None:
            seconds = self._world.between(-8.0, 8.0)
            self._world.fault("clock set forward" if seconds > 0 else "clock set back", engine.name)
            engine.jump(seconds)

    def _outage(self) -> None:
        self._world.fault("store outage")
        long = self._world.chance.random() < 0.1
        self._stage.weather.outage_until = self._world.now + (
            self._world.between(60.0, 80.0) if long else self._world.between(0.1, 6.0)
        )
