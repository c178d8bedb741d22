"""One engine as a simulated process: the real core, driver, journal and recovery; its threads are actors of the world."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property, partial
from typing import Any, Protocol

import msgspec

from penstock.codecs import JsonCodec
from penstock.context import Context
from penstock.engine.children import Children, follow_parents
from penstock.engine.journal import Applied, DurableJournal, Journal
from penstock.engine.lanes import Batch
from penstock.engine.limits import Limits
from penstock.engine.recovery import claim_run, give_back, read_log, take_up
from penstock.engine.rounds import Rounds
from penstock.engine.virtual import VirtualDriver
from penstock.errors import CommandRefused, LeaseLost, StoreError
from penstock.model import events as e
from penstock.model.changes import Letter
from penstock.model.child import Child
from penstock.model.policies import CHILD
from penstock.model.state import Run, Step
from penstock.ports import Clock, Executor, Job
from penstock.testing.simulation.audit import Audit
from penstock.testing.simulation.case import Case
from penstock.testing.simulation.clockwork import Clockwork
from penstock.testing.simulation.executor import SimulatedExecutor
from penstock.testing.simulation.faults import FaultyStore, Mortal, Weather
from penstock.testing.simulation.kin import SimulatedKin
from penstock.testing.simulation.office import Office, Signature
from penstock.testing.simulation.ushering import Usher
from penstock.testing.simulation.world import Actor, SkewedClock, World

LEASE_SECONDS = 5.0
LANES: Mapping[str, int | None] = {"virtual": 4, "narrow": 1, "wide": None}
"""The executors of every simulated engine, and their slots."""


class Stage(Protocol):
    """What an engine asks of the simulation that it is in: the store, what runs are given, and what becomes of steps."""

    world: World
    weather: Weather
    audit: Audit
    unborn: dict[str, Case]
    schedules: Sequence[Any]
    signature: Signature

    def handle(self) -> Any: ...
    def case(self, run_id: str) -> Case: ...
    def seconds(self, step: Step) -> float: ...
    def perform(
        self, step: Step, attempt: int, failures: int, fn: Callable[..., Any], *args: Any, **kwargs: Any
    ) -> Any: ...
    def crashed(self, engine: Any) -> None: ...


class SimulatedJournal(DurableJournal):
    """The durable journal, its writer an actor: what is put is written some time later."""

    def __init__(self, engine: SimulatedEngine) -> None:
        super().__init__(engine.store, engine.codec, [engine], engine.owner, LEASE_SECONDS)
        self._engine = engine
        self._waiting: list[tuple[Batch, Applied]] = []
        self.monotonic = engine.clock.monotonic
        self.nap = self._nap

    def put(self, batch: Batch, applied: Applied) -> None:
        self._waiting.append((batch, applied))
        if len(self._waiting) == 1:
            world = self._engine.world
            seconds = world.between(0.0, self._engine.weather.faults.writer_seconds)
            world.later(seconds, self._engine.writer, self._flush, "writes")

    def _flush(self) -> None:
        waiting, self._waiting = self._waiting, []
        self._serve_all(waiting)

    def _nap(self, seconds: float) -> None:
        self._engine.world.spend(seconds, self._engine)


class SimulatedDriver(VirtualDriver):
    """The virtual driver; what a step does and how long it takes is the simulation's to say."""

    host: SimulatedEngine

    def run_here(self, step: Step) -> float:
        engine, ask = self.host, step.ask
        engine.stage.audit.starts(engine, step)
        engine.world.spend(engine.stage.seconds(step), engine)
        step.ask = msgspec.structs.replace(ask, fn=self._act(step))
        try:
            return super().run_here(step)
        finally:
            step.ask = ask

    def _arm(self) -> None:
        """Nothing is left to do but wait."""
        self.host.stage.audit.reasons(self.host)
        super()._arm()

    def job(self, step: Step) -> Job:
        self.host.stage.audit.starts(self.host, step)
        job = super().job(step)
        return job if isinstance(step.ask.fn, Child) else job._replace(fn=self._act(step))

    def _act(self, step: Step) -> Callable[..., Any]:
        return partial(self.host.stage.perform, step, step.attempt, step.failures, step.ask.fn)


class SimulatedEngine(Mortal):
    """A process that drives runs on the shared store. See engine.driver.Host and engine.rounds.Household."""

    def __init__(self, stage: Stage, name: str) -> None:
        super().__init__(name)
        self.stage = stage
        self.world = stage.world
        self.weather = stage.weather
        self.unborn = stage.unborn
        self.handle = stage.handle
        self.seconds = stage.seconds
        self.owner = name
        self.wall = SkewedClock(self.world)
        self.clock: Clock = self.wall
        self.thread, self.writer = Actor(self, "driver"), Actor(self, "writer")
        self.keeper, self.others = Actor(self, "keeper"), Actor(self, "executor")
        self.store: Any = FaultyStore(stage.handle(), self.world, self, self.weather)
        self.codec = JsonCodec()
        self.journal: Journal = SimulatedJournal(self)
        self._executors = {lane: SimulatedExecutor(self, lane, slots) for lane, slots in LANES.items()}
        self.driver = SimulatedDriver(self, self._later)
        self.held: dict[str, Run] = {}
        self.usher = Usher(self, self.world, self.store, self.clock, LEASE_SECONDS)
        self.children = Children(SimulatedKin(self))
        self.rounds = Rounds(self, self.store, LEASE_SECONDS, self.clock.monotonic)
        self.desk = Actor(self, "desk")
        if stage.schedules:
            self.clockwork = Clockwork(self._new_office(), self.world)
        self._walk_later(0.3)

    @cached_property
    def office(self) -> Office:
        """The application here, as far as it drives no run."""
        return self._new_office()

    def _new_office(self) -> Office:
        """One for each thread: it remembers when that looked at the clock."""
        return Office(self, self.stage, self.weather, self.clock, LEASE_SECONDS)

    # Runs

    def start(self, run: Run, event: e.RunStarted) -> None:
        """Begin a run here."""
        self.held[run.id] = run
        self.driver.post(self.driver.start, run, event)

    def look_for_work(self) -> None:
        """Claim runs whose engine is gone, and go on with them."""
        try:
            for claim in self.store.claim("runs", self.owner, ttl=LEASE_SECONDS, limit=2):
                self._take_up(claim.id, claim.epoch, reopen=False)
        except (StoreError, LeaseLost):
            return  # what is due stays due

    def _take_up(self, run_id: str, epoch: int, *, reopen: bool) -> None:
        program = self.stage.case(run_id).program
        log = read_log(self.store, self.codec, run_id)
        found = take_up(log, run_id, program, epoch, reopen=reopen)
        if found is None:
            give_back(self.store, run_id, epoch, finished=True, length=log[-1][0])
            return
        self.world.counts["takeovers"] += 1
        before = self.held.get(run_id)
        if before is not None:  # our own lease had lapsed, and we claimed it anew
            self.driver.post(self.driver.lose, before, LeaseLost(f"the lease of run {run_id} lapsed"))
        self.held[run_id] = found.state
        self.driver.post(self.driver.adopt, found.state, epoch, self.owner, found.reopen)

    def reopen(self, run_id: str) -> bool:
        """Go on with a failed run. False if it is none, or somebody has it."""
        try:
            epoch = claim_run(self.store, self.owner, LEASE_SECONDS, run_id)
            if epoch is not None:
                self._take_up(run_id, epoch, reopen=True)
            return epoch is not None
        except CommandRefused:  # it was undone
            self.world.counts["reopening refused"] += 1
            return False
        except (StoreError, LeaseLost):
            return False

    # Host: what a driver needs

    def executor(self, name: str) -> Executor:
        if name == CHILD:
            return self.children
        return self._executors.get(name) or self._executors["virtual"]  # "threads:5" too

    def limits(self) -> Limits:
        return self.usher.limits

    def in_flight(self, executor: SimulatedExecutor) -> None:
        self.stage.audit.in_flight(self, executor)

    def finished(self, run: Run) -> None:
        self._let_go(run)
        self.stage.audit.announced(self, run)
        self.children.left(run.id)

    def dropped(self, run: Run, error: BaseException) -> None:
        self._let_go(run)
        self.stage.audit.slots.dropped(run.id, self.name)
        self.world.counts["runs dropped"] += 1
        self.world.note(self.name, f"drops {run.id}: {type(error).__name__}")
        self.children.left(run.id)

    def _let_go(self, run: Run) -> None:
        if self.held.get(run.id) is run:  # else it was taken up anew
            del self.held[run.id]

    def captured(self, step: Step, context: Context) -> None:
        """Nothing is captured here."""

    def progressed(self, context: Context, kind: str, payload: Any) -> None:
        """Nobody watches."""

    def recorded(self, run: str, workflow: str, sequence: int, at: float, event: e.Event) -> None:
        """See Observer."""
        self.stage.audit.told(self, run, sequence)

    # Household: what the keeper's rounds need

    def held_leases(self) -> list[tuple[str, int]]:
        return [(run_id, run.epoch) for run_id, run in self.held.items() if run.sequence]

    def known_letters(self) -> dict[str, int]:
        return {run_id: run.letters for run_id, run in self.held.items() if run.sequence}

    def lease_lost(self, run_id: str) -> None:
        run = self.held.get(run_id)
        if run is not None:
            self.world.counts["fault lease lost"] += 1
            self.driver.post(self.driver.lose, run, LeaseLost(f"another engine owns run {run_id} now"))

    def deliver(self, run_id: str, letters: Sequence[Letter]) -> None:
        run = self.held.get(run_id)
        if run is None:
            return
        world, faults = self.world, self.weather.faults
        hand_over = partial(self.driver.post, self.driver.take, run, letters, self.codec)
        world.later(world.between(0.0, 0.05), self.keeper, hand_over, f"brings {len(letters)} letters")
        if world.chance.random() < faults.duplicate:
            world.fault("letters delivered twice", self.name)
            world.later(world.between(0.0, 1.0), self.keeper, hand_over, "brings them again")

    def follow_kin(self) -> None:
        follow_parents(self.children.kin, [run for run in self.held.values() if run.sequence])
        self.children.walk()

    # The world's side

    def _later(self, seconds: float, what: Callable[[], None]) -> None:
        self.world.later(seconds + self.world.between(0.0, 0.002), self.thread, what)

    def _walk_later(self, seconds: float) -> None:
        self.world.later(self.world.between(0.1, 2 * seconds), self.keeper, self._walk)

    def _walk(self) -> None:
        """A round of the keeper; now and then a look for runs that nobody drives."""
        world = self.world
        self._walk_later(1.0)
        if world.chance.random() < self.weather.faults.deaf:
            world.counts["fault bell not heard"] += 1
            return
        try:
            self.rounds.walk()
        except StoreError:
            return
        if world.chance.random() < 0.5:
            self.look_for_work()

    def crash(self) -> None:
        """Die: what is in memory is gone."""
        self.dead = True
        self.stage.crashed(self)

    def jump(self, seconds: float) -> None:
        """Set the clock forward or back."""
        self.wall.offset += seconds
        self.driver.kick()
