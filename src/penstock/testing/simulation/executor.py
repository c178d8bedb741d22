"""An executor in virtual time: a job ends after as long as the simulation says; its answer may come twice."""

from __future__ import annotations

from collections.abc import Callable, Generator
from functools import partial
from inspect import iscoroutine
from typing import Any, Protocol

from penstock.context.calls import failed, invoke
from penstock.errors import DefinitionError
from penstock.model.state import Step
from penstock.ports import Job, Outcome
from penstock.testing.simulation.faults import Weather
from penstock.testing.simulation.world import Actor, World

Ended = Callable[[Any, Outcome], None]


class Flight:
    """One job on its way."""

    __slots__ = ("attempt", "body", "ended", "job", "void")

    def __init__(self, job: Job, ended: Ended) -> None:
        self.job = job
        self.attempt: int = job.token.attempt
        self.ended = ended
        self.void = False
        self.body: Generator[Any, None, Any] | None = None


class Employer(Protocol):
    """The engine that it runs steps for."""

    name: str
    world: World
    weather: Weather
    others: Actor

    def seconds(self, step: Step) -> float:
        """How long an attempt takes."""

    def in_flight(self, executor: SimulatedExecutor) -> None:
        """It was given a job."""


class SimulatedExecutor:
    """See Executor. A function that returns a generator is run slice by slice, as a simulation's body is."""

    def __init__(self, engine: Employer, name: str, slots: int | None) -> None:
        self.name = name
        self.slots = slots
        self._engine = engine
        self._world = engine.world
        self.flights: dict[Any, Flight] = {}

    def check(self, fn: Callable[..., Any], timeout: float | None) -> None:
        if not callable(fn):
            raise DefinitionError(f"{fn!r} cannot be called")

    def submit(self, job: Job, ended: Ended) -> None:
        flight = self.flights[job.token] = Flight(job, ended)
        self._engine.in_flight(self)
        seconds = self._engine.seconds(job.token)
        self._world.later(seconds, self._engine.others, partial(self._end, flight), f"runs {job.token!r}")

    def stop(self, token: Any) -> bool:
        flight = self.flights.pop(token, None)
        if flight is None:
            return True
        flight.void = True
        really = self._world.chance.random() < 0.5
        self._world.counts["stopped" if really else "left behind"] += 1
        return really

    def close(self, *, wait: bool = True) -> None:
        self.flights.clear()

    def _end(self, flight: Flight) -> None:
        if flight.void:
            return
        outcome = self._run(flight)
        if outcome is None:
            return
        if self.flights.get(flight.job.token) is flight:
            del self.flights[flight.job.token]
        flight.ended(flight.job.token, outcome)
        world = self._world
        if world.chance.random() < self._engine.weather.faults.duplicate:
            world.fault("answer given twice", self._engine.name)
            again = partial(flight.ended, flight.job.token, outcome)
            world.later(world.between(0.0, 2.0), self._engine.others, again, "answers again")

    def _run(self, flight: Flight) -> Outcome | None:
        """How the job ended; None if its body goes on."""
        if flight.body is None:
            outcome = invoke(flight.job)
            if iscoroutine(outcome.value):
                return _awaited(outcome.value)
            if not isinstance(outcome.value, Generator):
                return outcome
            flight.body = outcome.value
        try:
            next(flight.body)
        except StopIteration as end:
            return Outcome(end.value, None)
        self._world.later(self._world.between(0.0, 0.5), self._engine.others, partial(self._end, flight))
        return None


def _awaited(coroutine: Any) -> Outcome:
    """An async step, run at once to its end on a loop of its own."""
    import asyncio

    try:
        return Outcome(asyncio.run(coroutine), None)
    except Exception as error:
        return failed(error)
