"""A pool of workers in virtual time: units of work wait in one queue; each worker takes the first, serves it, and so on."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from math import ceil, floor
from random import Random
from typing import Any, NamedTuple

from penstock.simulations.measures import Measures


class Unit(NamedTuple):
    """One unit of work: how long it takes, when it was submitted, how often it was tried before, whom to tell."""

    name: str
    seconds: float
    submitted: float
    tries: int
    done: Any


class Pool:
    """`worker_count` workers on ceil(worker_count / node_parallelism) nodes.

    A unit takes `target_processing_sec`, fails with `failure_probability` (0 unless it is given) and is then queued again, up
    to `retry_max_attempts` times. `sample_fraction` of what is offered becomes work, evenly spread: where the first one falls
    is chance. All chance comes from `chance`. `completed` counts the units that are done.
    """

    def __init__(self, env: Any, parameters: Mapping[str, Any], measures: Measures, chance: Random) -> None:
        from penstock.simulations.kernel import simpy

        self.env = env
        self.workers = int(parameters.get("worker_count", 1))
        self.parallelism = int(parameters.get("node_parallelism", self.workers))
        self.nodes = ceil(self.workers / self.parallelism)
        self.target = float(parameters.get("target_processing_sec", 30.0))
        self.retries = int(parameters.get("retry_max_attempts", 0))
        self.fraction = float(parameters.get("sample_fraction", 1.0))
        self.risk = float(parameters.get("failure_probability", 0.0))
        self.completed = 0
        self._measures = measures
        self._chance = chance
        self._phase = chance.random()
        self._offered = 0
        self._queue = simpy().Store(env)
        self._pending = 0
        self._quiet: Any = None
        measures.opens(env.now, self.workers, self.nodes)
        for _ in range(self.workers):
            env.process(self._serve())

    def node_of(self, worker: int) -> int:
        """The node a worker runs on."""
        return worker // self.parallelism

    def offer(self, name: str) -> bool:
        """Submit a unit if it is sampled; whether it was."""
        before, self._offered = self._offered, self._offered + 1
        sampled = floor(self._offered * self.fraction + self._phase) > floor(
            before * self.fraction + self._phase
        )
        if sampled:
            self.submit(name)
        return sampled

    def submit(self, name: str, seconds: float | None = None) -> Any:
        """Queue a unit of work. The event that is returned succeeds with True when it is done, False when it has failed."""
        unit = Unit(name, self.target if seconds is None else seconds, self.env.now, 0, self.env.event())
        self._pending += 1
        self._measures.tasks["submitted"] += 1
        self._put(unit)
        return unit.done

    def drain(self) -> Generator[Any, Any, None]:
        """Wait until nothing is queued or under way."""
        while self._pending:
            self._quiet = self._quiet or self.env.event()
            yield self._quiet

    def _put(self, unit: Unit) -> None:
        self._measures.waits(self.env.now, +1)
        self._queue.put(unit)

    def _serve(self) -> Generator[Any, Any, None]:
        while True:
            unit: Unit = yield self._queue.get()
            self._measures.waits(self.env.now, -1)
            self._measures.works(self.env.now, +1)
            yield self.env.timeout(unit.seconds)
            self._measures.works(self.env.now, -1)
            self._settle(unit)

    def _settle(self, unit: Unit) -> None:
        if self.risk and self._chance.random() < self.risk:
            if unit.tries < self.retries:
                self._measures.tasks["retried"] += 1
                self._put(unit._replace(tries=unit.tries + 1))
                return
            self._measures.tasks["failed"] += 1
            unit.done.succeed(False)
        else:
            self.completed += 1
            self._measures.completes(self.env.now - unit.submitted, self.target)
            unit.done.succeed(True)
        self._pending -= 1
        if not self._pending and self._quiet is not None:
            self._quiet, quiet = None, self._quiet
            quiet.succeed()
