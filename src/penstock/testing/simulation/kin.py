"""Runs that are steps of others: how a simulated engine has them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any, Protocol

from penstock.codecs import JsonCodec
from penstock.engine.driver import Driver
from penstock.engine.recovery import Log, read_log
from penstock.engine.rows import row_of
from penstock.errors import StoreUnavailable
from penstock.model import events as e
from penstock.model.changes import Change, Guard, Letter, Put
from penstock.model.child import Child
from penstock.model.ids import run_id_for
from penstock.model.state import Run, Step
from penstock.ports import Clock
from penstock.testing.simulation.case import Case
from penstock.testing.simulation.faults import Weather
from penstock.testing.simulation.world import Actor, World


class Parent(Protocol):
    """What it needs of the engine whose runs have others as steps."""

    name: str
    owner: str
    world: World
    weather: Weather
    codec: JsonCodec
    clock: Clock
    keeper: Actor
    held: dict[str, Run]
    unborn: dict[str, Case]

    @property
    def driver(self) -> Driver: ...
    def handle(self) -> Any: ...
    def start(self, run: Run, event: e.RunStarted) -> None: ...
    def reopen(self, run_id: str) -> bool: ...


class SimulatedKin:
    """See Kin. Its looks at the store take no time, for nobody else may act while `Children` holds its lock; they may fail."""

    def __init__(self, engine: Parent) -> None:
        self._engine = engine
        self._handle = engine.handle()

    def _store(self) -> Any:
        engine = self._engine
        weather, world = engine.weather, engine.world
        if world.now < weather.outage_until or world.chance.random() < weather.faults.unavailable:
            raise StoreUnavailable("database is locked")
        return self._handle

    def statuses(self, runs: Iterable[str]) -> Mapping[str, str]:
        return {run: row["status"] for run, row in self._store().get("runs", list(runs)).items()}

    def log(self, run: str) -> Log:
        return read_log(self._store(), self._engine.codec, run)

    def begin(self, step: Step, child: Child, key: str, inputs: Mapping[str, Any]) -> None:
        engine = self._engine
        case = child.case  # type: ignore[attr-defined]
        program, parent = case.program, step.run
        run = run_id_for(program.name, key)
        if run in engine.held:
            return
        engine.unborn.setdefault(run, case)
        now = engine.clock.now()
        ends = [each for each in (parent.deadline, program.timeout and now + program.timeout) if each]
        queued = child.queue is not None
        event = e.RunStarted(
            program.name, program.version, case.input, 0 if queued else 1, min(ends, default=None),
            parent=parent.id, owner="" if queued else engine.owner,
        )  # fmt: skip
        engine.world.note(engine.name, f"begins {run} as {step.id} of {parent.id}")
        if queued:
            self._submit(run, event, now)
        else:
            engine.start(Run(run, program), event)

    def _submit(self, run: str, event: e.RunStarted, now: float) -> None:
        columns = {
            "workflow": event.workflow,
            "status": "pending",
            "tags": "{}",
            "data": "{}",
            "state": "ready",
        }
        row = row_of(1, now, event, self._engine.codec, [])
        self._store().commit([Change(run, 0, [row], [Put("runs", run, columns)], [Guard("runs", run, None)])])

    def take_up(self, step: Step, child: Child, run: str) -> None:
        engine = self._engine
        engine.unborn.setdefault(run, child.case)  # type: ignore[attr-defined]
        if (
            run not in engine.held and self.statuses([run]).get(run) == "failed"
        ):  # others are found by whoever looks
            engine.world.later(0.0, engine.keeper, partial(_reopen, engine, run), f"reopens {run}")

    def order(self, run: str, kind: str, reason: str) -> None:
        engine = self._engine
        engine.world.counts[f"{kind} by a parent"] += 1
        held = engine.held.get(run)
        if held is not None:
            engine.driver.post(engine.driver.obey, held, kind, reason)
        else:
            letter = Letter(0, engine.world.now, kind, "", reason, engine.owner)
            self._store().commit([Change(run=run, letters=[letter])])


def _reopen(engine: Parent, run: str) -> None:
    engine.reopen(run)
