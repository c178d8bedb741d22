"""The engine of a simulation: the real core and driver in virtual time, with places in which nothing runs.

A step's attempt is drawn when it starts, and its answer is an appointment on the agenda. All else is as in production: what is
ready when, who waits for a place, retries, timeouts, what becomes of a run. Nothing is kept.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from penstock.context import Context
from penstock.engine.journal import Applied, Journal
from penstock.engine.lanes import Batch, Lane
from penstock.engine.limits import Limits
from penstock.engine.virtual import VirtualDriver
from penstock.model import events as e
from penstock.model import machine
from penstock.model.policies import Need
from penstock.ports import Clock, Executor, Job, Outcome
from penstock.whatif.agenda import Agenda
from penstock.whatif.capacity import HERE, Capacity
from penstock.whatif.drawing import Drawn, kind_of
from penstock.whatif.sources import Change

Rows = list[tuple[int, float, e.Event]]


class Play(Protocol):
    """What an engine asks of the simulation that it is a part of."""

    agenda: Agenda
    capacity: Capacity
    changes: Mapping[str, Change]
    limits: Limits

    def draw(self, job: Job) -> Drawn:
        """What becomes of an attempt that starts now."""

    def recorded(self, driver: WhatifDriver, batch: Batch) -> None:
        """These rows would be in the log now."""

    def measured(self, place: str, slots: int, busy: int, waiting: int) -> None:
        """So many more places, steps in them and steps that wait for them."""

    def over(self, driver: WhatifDriver, run: machine.Run) -> None:
        """A run has ended."""


class Place:
    """See Executor. Where attempts go on that were drawn; `hold` is told for how long if the engine's own thread is there."""

    def __init__(self, play: Play, name: str, slots: int, hold: Callable[[float], None] | None) -> None:
        self.name = name
        self._hold = hold
        self.slots: int | None = slots
        self._play = play
        self._flying: dict[Any, Job] = {}

    def check(self, fn: Callable[..., Any], timeout: float | None) -> None:
        """Anything goes: nothing runs here."""

    def submit(self, job: Job, ended: Callable[[Any, Outcome], None]) -> None:
        """See Executor.submit."""
        drawn = self._play.draw(job)
        self._flying[job.token] = job
        if self._hold is not None:
            self._hold(drawn.seconds)
        if not drawn.endless or job.token.policy.timeout is None:
            self._play.agenda.later(drawn.seconds, self._end, job, drawn, ended)

    def _end(self, job: Job, drawn: Drawn, ended: Callable[[Any, Outcome], None]) -> None:
        if self._flying.get(job.token) is job:
            del self._flying[job.token]
            ended(job.token, Outcome(drawn.value, drawn.failure))

    def stop(self, token: Any) -> bool:
        """See Executor.stop."""
        self._flying.pop(token, None)
        return True

    def close(self, *, wait: bool = True) -> None:
        """See Executor.close."""
        self._flying.clear()


class Ledger:
    """The journal of runs that keep nothing, and tell the simulation everything. See engine.journal.Journal."""

    durable = False

    def __init__(self, play: Play) -> None:
        self._play = play
        self.driver: WhatifDriver

    def text(self, value: Any) -> str | None:
        """Values are not encoded."""
        return None

    def commit(self, batch: Batch) -> list[machine.Run]:
        """Nothing is ever refused."""
        self._play.recorded(self.driver, batch)
        return []

    commit_at_once = commit

    def put(self, batch: Batch, applied: Applied) -> None:
        """Nothing takes time here: as `commit`."""
        applied(batch, self.commit(batch))


class WhatifEngine:
    """See engine.host.Host. One process that drives runs; `driven` are those under way."""

    def __init__(self, play: Play, number: int) -> None:
        self.play = play
        self.number = number
        self.clock: Clock = play.agenda
        self.driven: set[machine.Run] = set()
        ledger = Ledger(play)
        self.journal: Journal = ledger
        self.driver = ledger.driver = WhatifDriver(self, play)

    def start(self, run: machine.Run, event: e.RunStarted) -> None:
        """Begin a run here."""
        self.driven.add(run)
        self.driver.post(self.driver.start, run, event)

    def executor(self, name: str) -> Executor:
        """Nobody asks: the driver has its own places."""
        raise NotImplementedError(name)

    def limits(self) -> Limits:
        return self.play.limits

    def finished(self, run: machine.Run) -> None:
        self.driven.discard(run)
        self.play.over(self.driver, run)

    def dropped(self, run: machine.Run, error: BaseException) -> None:
        """Nothing is ever lost here."""

    def captured(self, step: machine.Step, context: Context) -> None:
        """What steps print that really run is not kept."""

    def progressed(self, context: Context, kind: str, payload: Any) -> None:
        """Nobody watches."""


class WhatifDriver(VirtualDriver):
    """Gives every step a place, as the capacity says, and measures after each turn."""

    def __init__(self, host: WhatifEngine, play: Play) -> None:
        super().__init__(host, play.agenda.later)
        self.engine = host
        self._play = play
        self._places: dict[str, Executor] = {}
        self._known: dict[Lane, tuple[int, int]] = {}
        self._held_until = 0.0
        self._postponed = 0.0

    def executor_for(self, need: Need) -> Executor:
        name, slots = self._play.capacity.place(need)
        place = self._places.get(name)
        if place is None:
            place = self._places[name] = Place(self._play, name, slots, self.hold if name in HERE else None)
            self._play.measured(name, slots, 0, 0)
        return place

    def launch(self, step: machine.Step) -> None:
        changes = self._play.changes
        if changes and step.attempt == 1:
            change = changes.get(step.id) or changes.get(kind_of(step.id))
            if change is not None:
                step.policy = change(step.policy)
        super().launch(step)

    def hold(self, seconds: float) -> None:
        """The thread that drives runs a step itself: for so long it sees no mail, and no timer."""
        self._held_until = self.now() + seconds

    def _turn(self) -> None:
        if self.now() < self._held_until:
            if self._postponed < self._held_until:
                self._postponed = self._held_until
                self._play.agenda.at(self._held_until, self._turn)
            return
        super()._turn()
        for lane in self._lanes.values():
            busy, waiting = lane.capacity - lane.free, len(lane.queue)
            before = self._known.get(lane, (0, 0))
            if before != (busy, waiting):
                self._known[lane] = (busy, waiting)
                self._play.measured(lane.name, 0, busy - before[0], waiting - before[1])
