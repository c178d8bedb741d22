"""Those who steer from outside: they make schedules, pause and resume them, and have runs forked."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Protocol

from penstock.app.forks import Place
from penstock.app.scheduling.rules import named
from penstock.app.scheduling.schedules import Schedules
from penstock.errors import CommandRefused, RunNotFound, SettingsError, StoreError
from penstock.model.states import FINISHED
from penstock.testing.simulation.audit import Audit
from penstock.testing.simulation.case import Case
from penstock.testing.simulation.engine import LEASE_SECONDS, SimulatedEngine
from penstock.testing.simulation.faults import Mortal, Weather
from penstock.testing.simulation.forks import Forker, can_be_forked
from penstock.testing.simulation.office import Given, Office, Signature
from penstock.testing.simulation.programs.scheduled import Planned
from penstock.testing.simulation.schedules import STEWARD, ScheduleWatch
from penstock.testing.simulation.world import Actor, SkewedClock, World

FORKED, RERUN = 0.15, 0.4
"""How often somebody forks a run, and one that came to a bad end."""


class Stage(Protocol):
    """What they see of a simulation."""

    world: World
    outside: Weather
    audit: Audit
    runs: dict[str, Case]
    ending: bool
    signature: Signature
    schedules: Sequence[Planned]
    schedule_watch: ScheduleWatch
    forker: Forker

    @property
    def engines(self) -> Sequence[SimulatedEngine]: ...
    def handle(self) -> Any: ...


class Steward(Mortal):
    """See the module. `crash` is never called: they live on, and try again."""

    def __init__(self, stage: Stage) -> None:
        super().__init__(STEWARD)
        self._stage = stage
        self._world = stage.world
        self._actor = Actor(self, "desk")
        self._office = Office(self, stage, stage.outside, SkewedClock(stage.world), LEASE_SECONDS)
        self._resuming: dict[str, float] = {}
        self._roots = set(stage.runs)
        self._seen: set[str] = set()

    def plan(self) -> None:
        """Decide what to do, and when."""
        for planned in self._stage.schedules:
            self._plan_schedule(planned)
        for run_id, case in self._stage.runs.items():
            if can_be_forked(case) and self._world.chance.random() < FORKED:
                self._later(self._world.between(2.0, 20.0), partial(self._fork, run_id))
        self._later(1.0, self._look)

    def _plan_schedule(self, planned: Planned) -> None:
        chance, between = self._world.chance.random, self._world.between
        self._later(between(0.0, 1.0), partial(self._add, planned))
        if chance() < 0.4:
            begin = between(1.0, 15.0)
            self._later(begin, partial(self._order, planned, "pause"))
            self._later(begin + between(0.0, 15.0), partial(self._order, planned, "resume"))
        if chance() < 0.3:
            self._later(between(20.0, 60.0), partial(self._backfill, planned))

    def _later(self, seconds: float, what: Callable[[], None], label: str = "") -> None:
        self._world.later(seconds, self._actor, what, label)

    # Schedules

    @property
    def _schedules(self) -> Schedules:
        return Schedules(self._office)

    def _add(self, planned: Planned) -> None:
        self._world.note("steward", f"makes schedule {planned.name}: {planned.how}")
        try:
            self._schedules.add(planned.name, Given(planned.program), **planned.how)
        except StoreError:
            self._later(self._world.between(0.1, 1.0), partial(self._add, planned))
        except SettingsError:  # it comes too late
            self._stage.schedule_watch.courses[planned.name].refused = True
        except CommandRefused:  # the answer was lost, not the schedule
            self._world.counts["schedule was there already"] += 1

    def _order(self, planned: Planned, order: str) -> None:
        self._world.note("steward", f"{order}s schedule {planned.name}")
        try:
            getattr(self._schedules, order)(planned.name)
        except (StoreError, RunNotFound):
            if not self._stage.schedule_watch.courses[planned.name].refused:
                self._later(self._world.between(0.1, 2.0), partial(self._order, planned, order))

    def _backfill(self, planned: Planned) -> None:
        """Of a schedule that is not due any more, make the runs that it has left out."""
        course = self._stage.schedule_watch.courses[planned.name]
        if course.kept is None or course.kept.next is not None or course.first is None:
            if not self._stage.ending:
                self._later(5.0, partial(self._backfill, planned))
            return
        self._world.note("steward", f"backfills schedule {planned.name}")
        course.backfilled = True
        try:
            made, before = self._schedules.backfill(
                planned.name, named(course.first), named(max(planned.moments.values()))
            )
            self._world.counts["schedule moments backfilled"] += len(made)
            self._world.counts["schedule moments that had their runs"] += before
        except StoreError:
            self._later(self._world.between(0.1, 1.0), partial(self._backfill, planned))

    def _look(self) -> None:
        """Fork what has come to a bad end; when faults are over, end every pause of a schedule."""
        self._later(self._world.between(0.5, 2.0), self._look)
        for run_id, replica in self._stage.audit.replicas.items():
            if replica.run.status in FINISHED and run_id not in self._seen:
                self._seen.add(run_id)
                self._judge(run_id, replica.run.status)
        for course in self._stage.schedule_watch.courses.values():
            kept, name = course.kept, course.planned.name
            waits = self._world.now < self._resuming.get(name, 0.0)
            if self._stage.ending and kept is not None and kept.paused and not waits:
                self._resuming[name] = self._world.now + 5.0
                self._order(course.planned, "resume")

    # Forks

    def _fork(self, run_id: str) -> None:
        """Have an engine fork a run, and again if that engine dies."""
        engines = [engine for engine in self._stage.engines if not engine.dead and not engine.desk.busy]
        if run_id not in self._stage.audit.replicas or not engines:
            if not self._stage.ending:
                self._later(3.0, partial(self._fork, run_id))
            return
        engine = engines[int(self._world.chance.random() * len(engines))]
        self._world.later(0.0, engine.desk, partial(self._forked_by, engine, run_id))
        self._later(4.0, partial(self._go_on_with, run_id))

    def _judge(self, run_id: str, status: str) -> None:
        """A run has ended: one that came to a bad end is often forked, and so is now and then what is a fork itself."""
        likely = RERUN if status != "completed" else FORKED if run_id in self._stage.forker.asked else 0.0
        known = run_id in self._roots or run_id in self._stage.forker.asked
        if known and can_be_forked(self._stage.runs[run_id]) and self._world.chance.random() < likely:
            self._fork(run_id)

    def _forked_by(self, engine: SimulatedEngine, run_id: str) -> None:
        place = Place("workers") if self._world.chance.random() < 0.4 else None
        fork_id = self._stage.forker.make(engine.office, run_id, self._stage.runs[run_id], place)
        if fork_id is not None and place is None:
            engine.reopen(fork_id)

    def _go_on_with(self, run_id: str) -> None:
        """A fork of it that nobody drives is taken up; who made it may have died."""
        replicas = self._stage.audit.replicas
        engines = [engine for engine in self._stage.engines if not engine.dead and not engine.keeper.busy]
        left = [
            name
            for name, asked in self._stage.forker.asked.items()
            if asked.run == run_id and name in replicas
        ]
        idle = [name for name in left if not replicas[name].owner]
        if idle and engines:
            engine = engines[int(self._world.chance.random() * len(engines))]
            self._world.later(0.0, engine.keeper, partial(_take_up, engine, idle[0]), f"takes up {idle[0]}")
        if idle or not left:
            self._later(3.0, partial(self._go_on_with, run_id))

    def crash(self) -> None:
        """See the class."""


def _take_up(engine: SimulatedEngine, run_id: str) -> None:
    engine.reopen(run_id)
