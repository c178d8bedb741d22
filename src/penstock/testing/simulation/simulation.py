"""One seed, played: some runs on some engines on one store, faults for a while, then none until every run has finished."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from random import Random
from typing import Any

from penstock.codecs import JsonCodec
from penstock.model import events as e
from penstock.model.changes import Change, Verdict
from penstock.model.invariants import waits
from penstock.model.state import Step
from penstock.model.states import FINISHED
from penstock.stores.memory import MemoryStore
from penstock.stores.memory_disk import MemoryDisk
from penstock.testing.simulation import faults as weather
from penstock.testing.simulation.audit import Audit
from penstock.testing.simulation.case import Case, Draw, bad_end, raise_as
from penstock.testing.simulation.engine import SimulatedEngine
from penstock.testing.simulation.families import check_children
from penstock.testing.simulation.forks import Forker, ForkWatch
from penstock.testing.simulation.holders import check_holders
from penstock.testing.simulation.nature import Nature
from penstock.testing.simulation.office import Signature
from penstock.testing.simulation.programs.scheduled import Planned, draw_schedule
from penstock.testing.simulation.schedules import ScheduleWatch
from penstock.testing.simulation.steward import Steward
from penstock.testing.simulation.undoing import check_undoing
from penstock.testing.simulation.users import User
from penstock.testing.simulation.verdicts import check_letters, check_outcome
from penstock.testing.simulation.world import Stopped, Violation, World

MOST_EVENTS = 40_000
MOST_SECONDS = 900.0
ALIKE = 0.4
"""How often all runs of a seed are of one style: they meet under its limits."""
SCHEDULED = 0.12
"""How often a seed has schedules."""


class Handle(MemoryStore):
    """A handle on the store that says when something was written. See Store."""

    def __init__(self, clock: Callable[[], float], disk: MemoryDisk, written: Callable[[], None]) -> None:
        super().__init__(clock=clock, disk=disk)
        self._written = written

    def commit(self, changes: Sequence[Change]) -> list[Verdict]:
        self._written()
        return super().commit(changes)


class Simulation:
    """Draws and plays the runs of one seed. `play` raises Violation when something happened that never may.

    What of `faults`, `engines` and `commands` is not given is drawn. Some runs are forked and some seeds have schedules
    unless `steered` or `scheduled` says no. After `play`, `world.lines` tells all that happened, `world.counts` how often each
    kind of thing did, `digest()` stands for it.
    """

    def __init__(  # noqa: PLR0913 - one keyword a thing that may be drawn
        self,
        seed: int,
        draws: Sequence[Draw],
        *,
        faults: weather.Faults | None = None,
        engines: int | None = None,
        commands: bool = True,
        runs: int | None = None,
        steered: bool = True,
        scheduled: bool = True,
    ) -> None:
        self.seed = seed
        self.world = world = World(seed)
        chance = world.chance
        faults = weather.drawn(chance) if faults is None else faults
        self.weather = weather.Weather(faults)
        self.outside = weather.Weather(weather.outside(faults))
        self.commands = commands and chance.random() < 0.7
        self.disk = MemoryDisk()
        self.commits = 0
        self.codec = JsonCodec()
        self.ending = False
        number = int(chance.random() * 3) + 1 if runs is None else runs
        if len(draws) > 1 and chance.random() < ALIKE:
            draws, number = [_pick(chance, draws)], max(number, 2 if runs is None else runs)
        self.runs: dict[str, Case] = {f"r{n}": _pick(chance, draws)(chance) for n in range(1, number + 1)}
        self.unborn: dict[str, Case] = {}  # of runs that nobody starts by name, until the store has them
        self.signature = Signature()
        self.schedules: Sequence[Planned] = self._scheduled() if steered and scheduled else ()
        self.audit = Audit(self)
        self.user = User(self)
        self.forker = Forker(world, self.unborn)
        self.fork_watch = ForkWatch(self.forker.asked, world)
        self.schedule_watch = ScheduleWatch(self.schedules, self.handle(), world, self.signature)
        self.steward = Steward(self) if steered else None
        self.audit.witnesses = [self.fork_watch, *([self.schedule_watch] if self.schedules else [])]
        self.nature = Nature(self)
        self._born = 0
        self.engines = [
            self._engine() for _ in range(int(chance.random() * 3) + 1 if engines is None else engines)
        ]
        world.audit = self.audit.look

    def _scheduled(self) -> Sequence[Planned]:
        """The schedules of this seed, which few have; their runs may come."""
        chance = self.world.chance
        number = 1 + int(chance.random() * 2) if chance.random() < SCHEDULED else 0
        schedules = [draw_schedule(chance, f"s{n}", self.world.now) for n in range(1, number + 1)]
        for each in schedules:
            self.unborn.update(each.cases)
        return schedules

    def case(self, run_id: str) -> Case:
        """What a run was given."""
        return self.runs[run_id] if run_id in self.runs else self.unborn[run_id]

    def born(self, run_id: str) -> None:
        """The store has a run: if nobody started it by name, users hear of it now."""
        if run_id not in self.runs:
            self.runs[run_id] = self.unborn[run_id]
            self.user.hear_of(run_id)

    def handle(self) -> Any:
        """Another process's handle on the store."""
        return Handle(self._true_time, self.disk, self._committed)

    def _committed(self) -> None:
        self.commits += 1

    def _true_time(self) -> float:
        return self.world.now

    def _engine(self) -> SimulatedEngine:
        self._born += 1
        return SimulatedEngine(self, f"e{self._born}")

    # Playing

    def play(self) -> Simulation:
        """Play to the end. Raises Violation."""
        try:
            self._play()
        except Stopped as stopped:
            raise Violation(str(stopped)) from None
        except Exception as error:
            self.world.note("engine", f"RAISED {type(error).__name__}")
            raise Violation(f"{type(error).__name__}: {error}") from error
        return self

    def _play(self) -> None:
        self.user.plan()
        if self.steward is not None:
            self.steward.plan()
        self.nature.plan()
        self.world.later(self.world.between(5.0, 25.0), self.nature.hand, self._end_faults)
        while not self._over():
            if self.world.happened > MOST_EVENTS or self.world.now > MOST_SECONDS + 1_000.0:
                self._hang()
            self.world.step()
        replicas, counts = self.audit.replicas, self.world.counts
        for run_id, case in self.runs.items():
            log = replicas[run_id].log
            for complaint in [
                *check_outcome(counts, case, log),
                *check_letters(self.audit.letters.get(run_id, {}), log),
                *check_undoing(counts, case, log),
                *check_children(replicas, counts, run_id, log),
            ]:
                self.audit.wrong(f"{run_id} ({case.style}): {complaint}")
        for complaint in [
            *check_holders(replicas, self.runs, counts),
            *self.schedule_watch.at_the_end(replicas),
            *self.fork_watch.at_the_end(replicas),
        ]:
            self.audit.wrong(complaint)

    def _over(self) -> bool:
        if not self.ending or not self.schedule_watch.over:
            return False
        replicas = self.audit.replicas
        return all(
            run_id in replicas
            and replicas[run_id].run.status in FINISHED
            and not (replicas[run_id].run.status == "failed" and self.mendable(run_id, case))
            for run_id, case in self.runs.items()
        )

    def _hang(self) -> None:
        for run_id in self.runs:
            replica = self.audit.replicas.get(run_id)
            if replica is None:
                self.audit.wrong(f"{run_id} was never started")
            elif replica.run.status not in FINISHED:
                self.audit.wrong(
                    f"{run_id} does not finish: {', '.join(waits(replica.run)) or 'nobody knows why'}"
                )
        if not self.schedule_watch.over:
            self.audit.wrong("a schedule does not come to its end")
        self.audit.wrong("the world does not come to rest")

    def digest(self) -> str:
        return self.world.digest()

    # The end of faults, and of engines

    def _end_faults(self) -> None:
        self.world.note("nature", "faults end")
        self.ending = True
        self.weather.faults = weather.calm()
        self.outside.faults = weather.calm()
        if not self.engines or all(engine.dead for engine in self.engines):
            self.engines.append(self._engine())

    def crashed(self, engine: SimulatedEngine) -> None:
        """An engine died: another process takes its place after a while."""
        self.audit.crashed()
        self.world.later(self.world.between(0.1, 6.0), self.nature.hand, partial(self._revive, engine))

    def _revive(self, engine: SimulatedEngine) -> None:
        self.engines.remove(engine)
        self.engines.append(self._engine())

    # What steps do

    def mendable(self, run_id: str, case: Case) -> bool:
        """Whether a failed run would go on better if it were reopened."""
        log = self.audit.replicas[run_id].log
        last = log[-1][2]
        if isinstance(last, e.RunFailed) and last.undone:
            return False
        reopened = sum(isinstance(event, e.RunReopened) for _, _, event in log)
        if not reopened:
            return any(fate.until_reopened for fate in case.fates.values())
        step = last.error.step if isinstance(last, e.RunFailed) else None
        blamed = {
            f"{name}[{item}]" if item is not None else name
            for (name, item), f in case.fates.items()
            if f.until_reopened
        }
        return step in blamed and reopened < 8

    def seconds(self, step: Step) -> float:
        """How long an attempt takes."""
        case, timeout = self.case(step.run.id), step.policy.timeout
        fate = case.fates.get((step.id, step.item))
        if timeout is not None:
            hangs = fate is not None and fate.how == "hang" and step.failures < fate.failures
            return self.world.between(1.5, 4.0) * timeout if hangs else self.world.between(0.0, 0.6) * timeout
        return (
            self.world.between(0.0, 0.3) if self.world.chance.random() < 0.8 else self.world.between(0.0, 3.0)
        )

    def perform(
        self, step: Step, attempt: int, failures: int, fn: Callable[..., Any], *args: Any, **kwargs: Any
    ) -> Any:
        """What an attempt does: its fate, else its function."""
        run_id = step.run.id
        self.audit.performed(step, attempt)
        fate = self.case(run_id).fates.get((step.id, step.item))
        if fate is not None:
            log = self.audit.replicas[run_id].log
            reopened = sum(isinstance(event, e.RunReopened) for _, _, event in log)
            if bad_end(fate, failures, reopened):
                raise_as(fate, failures)
        return fn(*args, **kwargs)


def _pick(chance: Random, choices: Sequence[Any]) -> Any:
    return choices[int(chance.random() * len(choices))]


__all__ = ["Simulation", "Violation"]
