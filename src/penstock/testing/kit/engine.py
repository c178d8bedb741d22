"""The engine of a rehearsal: the real one, except that its clock and its executors belong to a simulated world."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property, partial
from typing import Any, Final, Protocol

from penstock.app import Engine, Run
from penstock.app.driving import rests
from penstock.app.parts import Held
from penstock.context import resources
from penstock.context.capture import install, uninstall
from penstock.engine.transactions import NAME as TRANSACTION
from penstock.engine.virtual import VirtualDriver
from penstock.model import machine
from penstock.model.invariants import waits
from penstock.model.policies import CHILD, Need
from penstock.ports import Executor, Job, Outcome
from penstock.stores.memory import MemoryStore
from penstock.testing.kit.children import RehearsedChildren
from penstock.testing.kit.stand_in import OWN_CODE, perform, with_stand_in
from penstock.testing.simulation.world import Actor, Process, World

Seconds = float | Sequence[float]
"""How long a step takes: each attempt, or one after another, the last for all that follow."""

MOST_HAPPENINGS: Final = 1_000_000


Answer = tuple[Outcome, float]
"""How an attempt ends, and after how many seconds."""


class Script(Protocol):
    """Says what becomes of steps. `by_the_clock`: it knows when each ends, so that none waits for another's place."""

    by_the_clock: bool

    def play(self, job: Job, elapsed: float) -> Answer | None:
        """How an attempt ends that starts so many seconds after the rehearsal began; None: not by itself."""


class Replaced:
    """The script of a workflow whose steps run their own code, or what stands in for it. See Script."""

    by_the_clock = False

    def __init__(self, replace: Mapping[str, Any], seconds: Mapping[str, Seconds]) -> None:
        self.replace = replace
        self.seconds = seconds

    def play(self, job: Job, elapsed: float) -> Answer:
        outcome = perform(with_stand_in(job, self.replace.get(job.context.step, OWN_CODE)))
        return outcome, self._duration(job)

    def _duration(self, job: Job) -> float:
        said = self.seconds.get(job.context.step, 0.0)
        if isinstance(said, int | float):
            return said
        attempt: int = job.context.attempt
        return said[min(attempt, len(said)) - 1]


class Stuck(AssertionError):
    """Nothing more would happen, and the run is not over."""


class WorldClock:
    """See Clock."""

    def __init__(self, world: World) -> None:
        self._world = world

    def now(self) -> float:
        return self._world.now

    def monotonic(self) -> float:
        return self._world.now


class RehearsedExecutor:
    """See Executor. A step's code is called when it starts; its answer comes when the step's time has passed."""

    def __init__(self, engine: RehearsalEngine, name: str) -> None:
        self.name = name
        self.slots = None if engine.script.by_the_clock else _slots_of(name)
        self._engine = engine
        self._flying: dict[Any, Job] = {}

    def check(self, fn: Callable[..., Any], timeout: float | None) -> None:
        """Anything goes: nothing leaves this thread."""

    def submit(self, job: Job, ended: Callable[[Any, Outcome], None]) -> None:
        engine = self._engine
        if self.name == TRANSACTION:
            job = job._replace(kwargs={**job.kwargs, "connection": engine.connection})
        self._flying[job.token] = job
        answer = engine.script.play(job, engine.elapsed)
        if answer is None:
            engine.endless.append(job.token)
            return
        outcome, seconds = answer
        if self.name == TRANSACTION:
            (engine.connection.commit if outcome.failure is None else engine.connection.rollback)()
        engine.later(seconds, partial(self._end, job, outcome, ended))

    def _end(self, job: Job, outcome: Outcome, ended: Callable[[Any, Outcome], None]) -> None:
        if self._flying.get(job.token) is job:
            del self._flying[job.token]
            ended(job.token, outcome)

    def stop(self, token: Any) -> bool:
        self._flying.pop(token, None)
        return True

    def close(self, *, wait: bool = True) -> None:
        self._flying.clear()


def _slots_of(name: str) -> int | None:
    """What runs at once under `flow.run()`: plain steps one by one, those in threads or on a loop as many as there are."""
    kind, _, slots = name.partition(":")
    if kind in ("inline", "sequential", TRANSACTION):
        return 1
    return int(slots) if slots.isdecimal() else None


class RehearsalDriver(VirtualDriver):
    """Gives every step to an executor of the rehearsal's, chosen as the synchronous driver chooses."""

    def executor_for(self, need: Need) -> Executor | None:
        usual = "asyncio" if need.asynchronous else "inline" if need.timeout is None else "sequential"
        return self.host.executor(need.executor or usual)


class RehearsalEngine(Engine):
    """Whoever drives it lets time pass. One thread; nothing is written but to memory."""

    def __init__(self, script: Script) -> None:
        self.script = script
        self.world = World(0)
        self._began = self.world.now
        self._thread = Actor(Process("rehearsal"), "thread")
        clock = WorldClock(self.world)
        super().__init__(MemoryStore(clock=clock.now), "memory:")
        self.clock = clock
        install(clock=clock.now)
        resources.hold()
        self.endless: list[machine.Step] = []  # attempts that do not end by themselves
        self._only = RehearsalDriver(self, self.later)

    def later(self, seconds: float, what: Callable[[], None]) -> None:
        """Have something happen so many seconds from now."""
        self.world.later(seconds, self._thread, what)

    @cached_property
    def connection(self) -> sqlite3.Connection:
        """What steps in transactions write to: a database in memory."""
        return sqlite3.connect(":memory:")

    @property
    def elapsed(self) -> float:
        """Seconds since the rehearsal began."""
        return self.world.now - self._began

    # What would be done by threads

    def own_driver(self) -> Any:
        return self._only

    background_driver = loop_driver = own_driver

    def executor(self, name: str) -> Executor:
        if name not in self.executors:
            self.executors[name] = self._rehearsed(name)
        return self.executors[name]

    def _rehearsed(self, name: str) -> Executor:
        plain = RehearsedExecutor(self, name)
        if name != CHILD or not isinstance(self.script, Replaced):
            return plain
        return RehearsedChildren(self, self.script.replace, plain)

    def _hold(self, state: machine.Run, driver: Any, handle: Run[Any]) -> None:
        self.holdings.add(Held(state, driver, handle))

    def signal(self, run_id: str, name: str, value: Any, *, key: str | None = None) -> None:
        held = self.holdings.get(run_id)
        if held is None:
            super().signal(run_id, name, value, key=key)
        else:
            held.driver.post(held.driver.signalled, held.state, name, value, key, self.codec.encode(value))

    def drive(self, driver: Any, run: Run[Any], *, resting: bool = False) -> Run[Any]:
        """Let time pass until a run is over. Raises AssertionError where it never would be."""
        held = self.holdings.get(run.id)
        while not run.left:
            if resting and held is not None and rests(held):
                self.let_rest(held)
                break
            if self.world.happened > MOST_HAPPENINGS:
                raise AssertionError(f"{run!r} does not come to an end: {MOST_HAPPENINGS:,} things happened")
            if not self.world.step():
                assert held is not None, "who is not over is held"
                if not self._stop_endless(held.state):
                    why = ", ".join(waits(held.state)) or "it hangs"
                    raise Stuck(f"nothing more happens, and {run!r} is not over: {why}")
        return run

    def _stop_endless(self, run: machine.Run) -> bool:
        """A run whose end is known waits only for what runs: stop that. False if nothing was stopped."""
        if run.root is None or run.root.outcome is None:
            return False
        endless, self.endless = self.endless, []
        stopped = [step for step in endless if self._only.core.stopped(step, self.clock.now())]
        self._only.kick()
        return bool(stopped)

    def close(self) -> None:
        if not self.closed:
            super().close()
            if "connection" in vars(self):
                self.connection.close()
            uninstall()
            resources.release()
