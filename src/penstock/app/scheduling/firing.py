"""Making runs of the moments that are due: each once, however many processes look at the same schedules.

What moves a schedule on, its runs and the cancelling of an earlier one are one commit, and it holds only if nobody has changed
the schedule meanwhile. A run's key is its schedule and moment besides, so that a backfill finds what was fired. Nobody needs
the code to fire: what a run records of it was written when the schedule was made.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from typing import Any, Final, NamedTuple

import msgspec

from penstock.app.orphans import settle_orphan
from penstock.app.parts import Parts
from penstock.app.scheduling.asking import value_for
from penstock.app.scheduling.rules import named
from penstock.app.scheduling.schedule import Decision, Schedule, decide, next_due
from penstock.app.scheduling.shelf import Kept, all_kept, new_version, put_of
from penstock.app.submitting import queued
from penstock.catalogue import hash_of
from penstock.errors import StoreError
from penstock.model import events as e
from penstock.model.changes import Change, Guard, Letter, Ok
from penstock.model.ids import run_id_for
from penstock.model.states import FINISHED

AGAIN_SECONDS: Final = 1.0

_log = logging.getLogger("penstock.schedules")


class _Firing(NamedTuple):
    """What one schedule wants written: itself moved on, and, if that holds, an earlier run's cancel and the new runs."""

    moved: Change
    cancelling: Change | None
    runs: list[Change]

    @property
    def changes(self) -> list[Change]:
        """All of it, in order."""
        return [self.moved, *([] if self.cancelling is None else [self.cancelling]), *self.runs]


class Firer:
    """Fires what is due in one store. `due` is when there is something to do next, None if never, as of the last look."""

    def __init__(self, engine: Parts) -> None:
        self._engine = engine
        self._store = engine.durable_store()
        self._upset: dict[str, str] = {}  # the versions of schedules that could not be fired here
        self._told: set[tuple[str, str]] = set()
        self.due: float | None = None
        self.fired = 0

    def look(self) -> list[Kept]:
        """The schedules as they are now, but for those that this process cannot fire."""
        found = [
            kept for kept in all_kept(self._store) if self._upset.get(kept.schedule.name) != kept.version
        ]
        self.due = min((due for kept in found if (due := next_due(kept.schedule)) is not None), default=None)
        return found

    def seconds_to_wait(self, longest: float) -> float:
        """How long nothing is due, so many seconds at most."""
        return longest if self.due is None else min(longest, max(0.0, self.due - self._engine.clock.now()))

    def fire(self) -> int:
        """Make runs of what is due; how many this process made."""
        if not self.is_due:
            return 0
        now = self._engine.clock.now()
        try:
            firings = [firing for kept in self.look() if (firing := self._firing(kept, now)) is not None]
            made = self._commit(firings)
            self.look()
        except StoreError:
            self.due = now + AGAIN_SECONDS
            raise
        self.fired += made
        return made

    @property
    def is_due(self) -> bool:
        """Whether there is something to fire."""
        return self.due is not None and self.due <= self._engine.clock.now()

    def _firing(self, kept: Kept, now: float) -> _Firing | None:
        schedule = kept.schedule
        due = next_due(schedule)
        if due is None or due > now:
            return None
        over = schedule.overlap == "allow" or self._is_over(schedule.last_run)
        try:
            decision = decide(schedule, now, last_is_over=over)
            return None if decision is None else self._written(kept, decision, now, over)
        except StoreError:
            raise
        except Exception as error:  # whatever is wrong with one schedule, the others are fired
            self._leave(kept, error)
            return None

    def _written(self, kept: Kept, decision: Decision, now: float, last_is_over: bool) -> _Firing:
        old, fire, version = kept.schedule, decision.fire, new_version()
        last_run = run_of(old, fire[-1]) if fire else old.last_run
        new = msgspec.structs.replace(decision.schedule, last_run=last_run)
        mine = Kept(new, version).guard
        cancelling = None
        if fire and old.overlap == "cancel" and not last_is_over and old.last_run != last_run:
            cancelling = self._cancelling(old, now, mine)
        return _Firing(
            Change(puts=[put_of(new, version)], guards=[kept.guard]),
            cancelling,
            runs_of(self._engine, old, fire, now, mine),
        )

    def _cancelling(self, schedule: Schedule, now: float, guard: Guard) -> Change:
        reason = f"the next moment of schedule {schedule.name} came"
        letter = Letter(0, now, "cancel", "", reason, self._engine.owner)
        return Change(run=schedule.last_run or "", letters=[letter], guards=[guard])

    def _commit(self, firings: Sequence[_Firing]) -> int:
        verdicts = iter(self._store.commit([change for firing in firings for change in firing.changes]))
        made = 0
        for firing in firings:
            moved = isinstance(next(verdicts), Ok)
            if firing.cancelling is not None:
                next(verdicts)
            made += sum(isinstance(next(verdicts), Ok) for _ in firing.runs)
            if firing.cancelling is not None and moved:
                settle_orphan(self._engine, firing.cancelling.run, firing.cancelling.letters[0])
        return made

    def _is_over(self, run_id: str | None) -> bool:
        row = self._store.get("runs", [run_id]).get(run_id) if run_id is not None else None
        return row is None or row["status"] in FINISHED

    def _leave(self, kept: Kept, error: Exception) -> None:
        """One that this process cannot fire is left to others: they may have what it lacks."""
        name, said = kept.schedule.name, str(error)
        self._upset[name] = kept.version
        if (name, said) not in self._told:
            self._told.add((name, said))
            _log.warning("schedule %s is left to other processes: %s", name, said)


def key_of(schedule: Schedule, moment: float) -> str:
    """The key of a moment's run."""
    return f"schedule:{schedule.name}:{named(moment)}"


def run_of(schedule: Schedule, moment: float) -> str:
    """The id of a moment's run."""
    return run_id_for(schedule.workflow, key_of(schedule, moment))


def runs_of(
    engine: Parts, schedule: Schedule, moments: Iterable[float], now: float, guard: Guard | None = None
) -> list[Change]:
    """What records a run for each of these moments; refused for one that has its run, and where the guard does not hold."""
    source, version = _code_of(schedule)
    changes = []
    for moment in moments:
        tags = {**schedule.tags, "schedule": schedule.name, "moment": named(moment)}
        deadline = None if schedule.timeout is None else now + schedule.timeout
        inputs = engine.codec.decode(schedule.inputs)
        if schedule.moment_input is not None:
            inputs[schedule.moment_input] = value_for(schedule, moment)
        start = e.RunStarted(schedule.workflow, version, inputs, 0, deadline, source, tags)
        start.timeout = schedule.timeout
        run_id = run_of(schedule, moment)
        change = queued(engine.codec, run_id, now, start, queue=schedule.queue, priority=schedule.priority)
        change.guards = [*change.guards, *([guard] if guard is not None else [])]
        changes.append(change)
    return changes


def _code_of(schedule: Schedule) -> tuple[dict[str, Any], str]:
    """Where the code is and the version of its structure; of a file that was changed since nobody knows that beforehand."""
    source = dict(schedule.source)
    if "file" not in source or "hash" not in source:
        return source, schedule.version
    try:
        current = hash_of(source["file"])
    except OSError:  # the code is on another machine
        return source, schedule.version
    return {**source, "hash": current}, schedule.version if current == source["hash"] else ""
