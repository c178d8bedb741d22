"""One simulation: a program, when its runs arrive, what may go on at once, one seed. What became of it all."""

from __future__ import annotations

import asyncio
import copy
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, Final, NamedTuple

from penstock.context.calls import ainvoke, invoke
from penstock.context.references import is_async
from penstock.engine.lanes import Batch
from penstock.engine.limits import Limits
from penstock.errors import UserError
from penstock.model import events as e
from penstock.model import machine
from penstock.model.invariants import waits
from penstock.model.limits import Bounds
from penstock.model.program import Program
from penstock.model.states import FINISHED
from penstock.ports import Job, Outcome
from penstock.whatif.agenda import BEGINS, Agenda
from penstock.whatif.arrivals import Arrival
from penstock.whatif.capacity import Capacity
from penstock.whatif.drawing import Asked, Drawn, chance, fresh, kind_of
from penstock.whatif.engine import Rows, WhatifDriver, WhatifEngine
from penstock.whatif.gate import Gate
from penstock.whatif.keys import CountedLedgers
from penstock.whatif.measures import Meter, RunTold
from penstock.whatif.past import Answer, SizeOf, size_of_ask
from penstock.whatif.sources import Change, Model

MOST_HAPPENINGS: Final = 10_000_000
MOST_ROWS: Final = 50_000
"""A run is looked at in detail unless its log is longer."""

InputsOf = Callable[[int, float], Any]
"""The inputs of the run of this number, and its chance in [0, 1)."""


class Setting(NamedTuple):
    """What is simulated. `really` names the steps whose code is called; `until` is when it ends at the latest, in seconds."""

    program: Program
    inputs: InputsOf
    model: Model
    answers: Mapping[str, Sequence[Answer]] = {}
    size_of: SizeOf = lambda value: None
    really: frozenset[str] = frozenset()
    begins: float = BEGINS
    until: float | None = None


class Played(NamedTuple):
    """What became of a simulation. Moments are seconds from its begin; `logs` are those of the first runs, by number.

    `limits` are the keys under which steps were bound.
    """

    seed: int
    runs: list[RunTold]
    meters: dict[str, Meter]
    seconds: float
    logs: dict[int, Rows]
    attempts: Counter[str]
    unanswered: list[str]
    limits: dict[str, Bounds]


class Simulation:
    """See engine.Play. So many runs are kept in detail; `keeps`: what is needed to draw it is kept, too."""

    def __init__(
        self, setting: Setting, capacity: Capacity, seed: int, *, logs: int = 0, keeps: bool = False
    ) -> None:
        self.setting = setting
        self.capacity = capacity
        self.seed = seed
        self.agenda = Agenda(setting.begins)
        self._ledgers = CountedLedgers(self.agenda.now, capacity.limits, self._under_limits)
        self.limits = Limits(self._ledgers)
        self.changes: Mapping[str, Change] = setting.model.changes()
        self.meters: dict[str, Meter] = {}
        self.program = _bounded(setting.program, capacity.limit)
        self.engines = [WhatifEngine(self, number) for number in range(capacity.engines)]
        self._keeps = keeps
        self._most_logs = logs
        self._arrived: list[float] = []
        self._runs: dict[int, machine.Run] = {}
        self._gate = Gate(capacity, self.agenda, self.engines, self._runs, self._begin)
        self._told: dict[int, RunTold] = {}
        self._logs: dict[int, Rows] = {}
        self._attempts: Counter[str] = Counter()
        self._answered: set[tuple[str, str]] = set()
        self._unanswered: dict[str, None] = {}

    def run(self, arrivals: Iterable[Arrival]) -> Played:
        """Play it to its end."""
        for number, arrival in enumerate(arrivals):
            self._arrived.append(arrival.at)
            self.agenda.later(arrival.at, self._gate.arrive, number, arrival)
        step, until = self.agenda.step, self.setting.until
        happened = 0
        while (until is None or self._seconds() <= until) and step():
            happened += 1
            if happened > MOST_HAPPENINGS:
                raise UserError(
                    f"{MOST_HAPPENINGS:,} things happened and it goes on: give `until`, the seconds after which it ends"
                )
        return self._result()

    def _seconds(self) -> float:
        return self.agenda.time - self.agenda.begins

    # Runs come and go

    def _begin(self, engine: WhatifEngine, number: int, arrival: Arrival) -> None:
        program = self.program
        run = self._runs[number] = machine.Run(str(number), program)
        given = arrival.inputs
        if given is None:
            given = self.setting.inputs(number, chance(self.seed, "inputs", number))
        deadline = None if program.timeout is None else self.agenda.time + program.timeout
        if arrival.timeout is not None:
            deadline = self.agenda.begins + arrival.at + arrival.timeout
        if len(self._logs) < self._most_logs:
            self._logs[number] = []
        engine.start(run, e.RunStarted(program.name, program.version, fresh(given), 1, deadline))

    def over(self, driver: WhatifDriver, run: machine.Run) -> None:
        """See Play."""
        number = int(run.id)
        del self._runs[number]
        self._told[number] = self._about(number, run, self._seconds())
        self._gate.leave()

    def _about(self, number: int, run: machine.Run, ended: float | None) -> RunTold:
        began = run.started_at - self.agenda.begins if run.sequence else None
        why = "" if run.final is None or run.final[0] == "completed" else str(run.final[1] or "")
        if ended is None:
            why = ", ".join(waits(run)) or "it was still under way"
        return RunTold(number, self._arrived[number], began, ended, run.status, why)

    # What the engines ask. See Play

    def draw(self, job: Job) -> Drawn:
        """See Play."""
        step: machine.Step = job.token
        setting = self.setting
        self._attempts[kind_of(step.id)] += 1
        key = f"{step.run.id}/{step.id}/{step.item}/{step.attempt}"
        asked = Asked(
            step.id,
            step.item,
            step.attempt,
            partial(chance, self.seed, key),
            partial(size_of_ask, step.ask, step.item, setting.size_of),
        )
        drawn = setting.model.draw(asked)
        if setting.really and (step.id in setting.really or kind_of(step.id) in setting.really):
            outcome = _done(job)
            drawn = Drawn(drawn.seconds, outcome.value, outcome.failure)
        return drawn

    def recorded(self, driver: WhatifDriver, batch: Batch) -> None:
        """See Play."""
        for run, sequence, at, event in batch.rows:
            if self._logs and (log := self._logs.get(int(run.id))) is not None:
                log.append((sequence, at, event))
                if sequence > MOST_ROWS:
                    del self._logs[int(run.id)]
            if run.waiters and run.status not in FINISHED:
                self._answer(driver, run)

    def _answer(self, driver: WhatifDriver, run: machine.Run) -> None:
        """Whatever the run waits for comes after as long as it did in the past."""
        for name, waiting in run.waiters.items():
            for step in waiting:
                if (run.id, step.id) in self._answered:
                    continue
                self._answered.add((run.id, step.id))
                known = self.setting.answers.get(name)
                if not known:
                    self._unanswered[name] = None
                    continue
                answer = known[int(chance(self.seed, f"{run.id}/{step.id}", 0) * len(known))]
                told = (run, name, fresh(answer.value), None)
                self.agenda.later(answer.seconds, driver.post, driver.signalled, *told)

    def measured(self, place: str, slots: int, busy: int, waiting: int) -> None:
        """See Play."""
        meter = self.meters.get(place)
        if meter is None:
            meter = self.meters[place] = Meter(place, self.agenda.begins, keeps=self._keeps)
        meter.slots += slots
        meter.change(self.agenda.time, busy, waiting)

    def _under_limits(self, key: str, bound: int, held: int, waiting: int) -> None:
        """How many hold slots under a key now, and wait for them."""
        meter = self.meters.get(f"limit {key}")
        before = (0, 0, 0) if meter is None else (meter.slots, meter.busy, meter.waiting)
        change = [now - then for now, then in zip((bound, held, waiting), before, strict=True)]
        if any(change):
            self.measured(f"limit {key}", *change)

    def _result(self) -> Played:
        seconds = max((told.ended or 0.0 for told in self._told.values()), default=0.0)
        if self._runs or self._gate.waiting:  # some never ended
            seconds = max(seconds, self._seconds())
        for meter in self.meters.values():
            meter.change(self.agenda.begins + seconds, 0, 0)
        return Played(
            self.seed,
            sorted([*self._told.values(), *self._others()]),
            self.meters,
            seconds,
            self._logs,
            self._attempts,
            list(self._unanswered),
            self._ledgers.met,
        )

    def _others(self) -> Iterable[RunTold]:
        """The runs that never ended, and those that never began."""
        yield from (self._about(number, run, None) for number, run in self._runs.items())
        for number, status in self._gate.turned_away.items():
            yield RunTold(number, self._arrived[number], None, None, status)
        for number in self._gate.waiting:
            yield RunTold(number, self._arrived[number], None, None, "pending", "it waits in its queue")


def _bounded(program: Program, limit: int | None) -> Program:
    """The program with another limit of steps of one run at once."""
    if limit is None:
        return program
    other = copy.copy(program)
    other.limit = limit
    return other


def _done(job: Job) -> Outcome:
    """The outcome of a step that really runs, here and now; an async one on a loop of its own: the caller may be on one."""
    if not is_async(job.fn):
        return invoke(job)
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, ainvoke(job)).result()
