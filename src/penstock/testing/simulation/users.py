"""Those who want something of runs: they start them, send signals and commands, look, and try again when nobody answers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Protocol

from penstock.codecs import JsonCodec
from penstock.errors import StoreError
from penstock.model import events as e
from penstock.model.changes import Change, Letter
from penstock.model.state import Run
from penstock.testing.simulation.audit import Audit
from penstock.testing.simulation.case import Case
from penstock.testing.simulation.engine import SimulatedEngine
from penstock.testing.simulation.faults import FaultyStore, Mortal, Weather
from penstock.testing.simulation.world import Actor, World


class Stage(Protocol):
    """What users see of a simulation: the runs, whether they may give orders, and whether faults are over."""

    world: World
    outside: Weather
    audit: Audit
    codec: JsonCodec
    runs: dict[str, Case]
    commands: bool
    ending: bool

    @property
    def engines(self) -> Sequence[SimulatedEngine]: ...
    def handle(self) -> Any: ...
    def mendable(self, run_id: str, case: Case) -> bool: ...


class User(Mortal):
    """Everybody outside of the engines. `crash` is never called: users live on."""

    def __init__(self, stage: Stage) -> None:
        super().__init__("user")
        self.stage = stage
        self.world = stage.world
        self.store = FaultyStore(stage.handle(), self.world, self, stage.outside)
        self.actor = Actor(self, "desk")
        self.sent = 0
        self._resuming: dict[str, float] = {}
        self._refused: set[str] = set()
        self._hasty: set[str] = set()

    def plan(self) -> None:
        """Decide what to do, and when."""
        for run_id in self.stage.runs:
            self._plan_run(run_id)
        self._later(1.0, self._look)

    def hear_of(self, run_id: str) -> None:
        """A run has begun that nobody here started."""
        self._plan_orders(run_id)

    def _plan_run(self, run_id: str) -> None:
        self._later(self.world.between(0.0, 1.0), partial(self._start, run_id))
        self._plan_orders(run_id)

    def _plan_orders(self, run_id: str) -> None:
        world, case = self.world, self.stage.runs[run_id]
        chance = world.chance.random
        for number, (name, value) in enumerate(case.signals):
            send = partial(self._send, run_id, "signal", name, value, f"{name}-{number}")
            self._later(world.between(0.0, 12.0), send)
            if chance() < 0.2:
                world.counts["fault signal sent twice"] += 1
                self._later(world.between(0.0, 20.0), send)
        if not self.stage.commands:
            return
        if chance() < 0.3:
            begin = world.between(0.0, 10.0)
            self._later(begin, partial(self._send, run_id, "pause"))
            self._later(begin + world.between(0.0, 5.0), partial(self._send, run_id, "resume"))
            if chance() < 0.3:
                self._later(begin + world.between(0.0, 5.0), partial(self._send, run_id, "pause"))
        if chance() < 0.1:
            self._later(world.between(0.0, 10.0), partial(self._send, run_id, "cancel"))
        if chance() < 0.1:
            self._later(world.between(0.0, 10.0), partial(self._send, run_id, "signal", "noise", 0, "noise"))

    def _later(self, seconds: float, what: Callable[[], None], label: str = "") -> None:
        self.world.later(seconds, self.actor, what, label)

    def _start(self, run_id: str) -> None:
        """Start a run on an engine, sometimes on two; again if it cannot be found after a while."""
        engines = [engine for engine in self.stage.engines if not engine.dead]
        if run_id in self.stage.audit.replicas:
            return
        self._later(4.0, partial(self._start, run_id))
        case = self.stage.runs[run_id]
        if not engines:
            return
        times = 2 if self.world.chance.random() < 0.1 else 1
        for _ in range(times):
            engine = engines[int(self.world.chance.random() * len(engines))]
            if run_id in engine.held:
                continue
            limit = case.program.timeout
            deadline = None if limit is None else engine.clock.now() + limit
            program = case.program
            event = e.RunStarted(program.name, program.version, case.input, 1, deadline, owner=engine.owner)
            self.world.note("user", f"starts {run_id} on {engine.name}")
            engine.start(Run(run_id, case.program), event)
        if times == 2:
            self.world.counts["fault started twice"] += 1

    def _send(
        self, run_id: str, kind: str, name: str = "", value: object = None, key: str | None = None
    ) -> None:
        self.sent += 1
        body = self.stage.codec.encode(value) if kind == "signal" else f"{kind} {self.sent}"
        letter = Letter(0, self.world.now, kind, name, body, "user", key)
        self.world.note("user", f"sends {kind} {name} {key or body} to {run_id}")
        try:
            self.store.commit([Change(run=run_id, letters=[letter])])
        except StoreError:
            if kind in ("signal", "cancel") or self.world.chance.random() < 0.5:
                self._later(self.world.between(0.1, 2.0), partial(self._send, run_id, kind, name, value, key))

    def _look(self) -> None:
        """Reopen what failed and may be mended, cancel what is being undone; at the end, end every pause."""
        self._later(self.world.between(0.5, 2.5), self._look)
        for run_id, case in list(self.stage.runs.items()):
            replica = self.stage.audit.replicas.get(run_id)
            if replica is None:
                continue
            run = replica.run
            if run.status == "failed" and (self.stage.mendable(run_id, case) or self._is_stubborn(run_id)):
                self._reopen(run_id)
            if run.undoing is not None and run_id not in self._hasty and self.world.chance.random() < 0.5:
                self._hasty.add(run_id)
                self.world.counts["fault cancelled while it was undone"] += 1
                self._send(run_id, "cancel")
            if (
                run.status == "paused"
                and self.stage.ending
                and self.world.now > self._resuming.get(run_id, 0.0)
            ):
                self._resuming[run_id] = self.world.now + 5.0
                self._send(run_id, "resume")

    def _is_stubborn(self, run_id: str) -> bool:
        """Whether somebody tries, once, to reopen a run that was undone: it must be refused."""
        last = self.stage.audit.replicas[run_id].log[-1][2]
        if not isinstance(last, e.RunFailed) or not last.undone or run_id in self._refused:
            return False
        self._refused.add(run_id)
        self.world.counts["fault reopened though undone"] += 1
        return True

    def _reopen(self, run_id: str) -> None:
        engines = [engine for engine in self.stage.engines if not engine.dead and not engine.keeper.busy]
        if engines:
            engine = engines[int(self.world.chance.random() * len(engines))]
            self.world.later(0.0, engine.keeper, partial(_reopen_on, engine, run_id), f"reopens {run_id}")

    def crash(self) -> None:
        """See the class."""


def _reopen_on(engine: SimulatedEngine, run_id: str) -> None:
    engine.reopen(run_id)
