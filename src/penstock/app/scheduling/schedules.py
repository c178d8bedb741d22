"""What may be asked of a store's schedules."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from itertools import islice
from typing import Any, Final, NamedTuple

import msgspec

from penstock.app.parts import Parts
from penstock.app.scheduling.asking import (
    When,
    check_name,
    check_policies,
    inputs_for,
    moment_of,
    rule_of,
    takes_text,
)
from penstock.app.scheduling.firing import runs_of
from penstock.app.scheduling.rules import Once, between, named, zone_of
from penstock.app.scheduling.schedule import AT_MOST, CatchUp, Overlap, Schedule, awaiting, upcoming_of
from penstock.app.scheduling.shelf import (
    TOPIC,
    Kept,
    all_kept,
    find_kept,
    get_kept,
    id_of,
    new_version,
    put_of,
)
from penstock.app.starting import check_start, taken
from penstock.app.submitting import DEFAULT_QUEUE, check_place
from penstock.catalogue import source_of
from penstock.errors import CommandRefused, SettingsError
from penstock.model.changes import Change, Guard, Ok, Put
from penstock.model.program import Definition

MOST_BACKFILLED: Final = 10_000
_AT_ONCE: Final = 100


class Backfilled(NamedTuple):
    """The runs that a backfill made, and how many of its moments had theirs before."""

    runs: list[str]
    before: int


class Schedules:
    """The schedules of an engine's store. Workers fire them, and `penstock serve --schedules` does."""

    def __init__(self, engine: Parts) -> None:
        self._engine = engine
        self._store = engine.durable_store()

    def add(  # noqa: PLR0913 - one keyword a power
        self,
        name: str,
        definition: Definition,
        inputs: Mapping[str, Any] | None = None,
        *,
        cron: str | None = None,
        every: float | timedelta | None = None,
        at: When | None = None,
        zone: str = "UTC",
        start: When | None = None,
        until: When | None = None,
        catch_up: CatchUp = "latest",
        at_most: int = AT_MOST,
        overlap: Overlap = "allow",
        jitter: float = 0.0,
        moment_input: str | None = None,
        queue: str = DEFAULT_QUEUE,
        priority: int = 0,
        tags: Mapping[str, str] | None = None,
        timeout: float | None = None,
        replace: bool = False,
    ) -> Schedule:
        """Have runs of a workflow made by a cron expression, every so many seconds, or once at a moment.

        A wall time, of `cron` and of moments without an offset, is one in `zone`. Moments before `start` (of `every`: the
        first) and after `until` are none. `moment_input` is the input that each run is given its moment in. Missed moments are
        as `catch_up` says ("none", "latest", "all", at most so many), one that comes while an earlier one's run is under way as
        `overlap` does ("allow", "skip", "cancel"). `jitter` spreads due times over so many seconds. `replace` changes one that
        is there. Raises SettingsError for what means nothing, InputError, and CommandRefused if the name is taken.
        """
        now = self._engine.clock.now()
        program = definition.as_program()
        check_start(program.name, tags=tags, timeout=timeout)
        check_place(program.name, queue, priority, None)
        schedule = Schedule(
            name=check_name(name),
            rule=rule_of(now, cron, every, at, zone, start),
            queue=queue,
            priority=priority,
            tags=dict(tags or {}),
            timeout=program.timeout if timeout is None else timeout,
            catch_up=catch_up,
            at_most=at_most,
            overlap=overlap,
            jitter=jitter,
            until=None if until is None else moment_of(until, zone, "until"),
            **self._work(definition, inputs or {}, moment_input),
        )
        return self._put_new(_begun(check_policies(schedule), now, start, zone), replace)

    def all(self) -> list[Schedule]:
        """Every schedule, by name."""
        return sorted((kept.schedule for kept in all_kept(self._store)), key=lambda each: each.name)

    def get(self, name: str) -> Schedule:
        """A schedule. Raises RunNotFound."""
        return get_kept(self._store, name).schedule

    def pause(self, name: str) -> Schedule:
        """Fire no more of its moments until it is resumed; those that come meanwhile are left out."""
        return self._change(name, lambda schedule: msgspec.structs.replace(schedule, paused=True))

    def resume(self, name: str) -> Schedule:
        """Fire its moments again, from now on."""
        now = self._engine.clock.now()

        def resumed(schedule: Schedule) -> Schedule:
            upcoming = schedule.next
            if schedule.paused and upcoming is not None and upcoming <= now:
                upcoming = upcoming_of(schedule, now)
            return msgspec.structs.replace(awaiting(schedule, upcoming), paused=False)

        return self._change(name, resumed)

    def remove(self, name: str) -> Schedule:
        """Forget a schedule; its runs stay. Raises RunNotFound."""
        kept = get_kept(self._store, name)
        self._store.commit([Change(puts=[Put("documents", id_of(name), None)])])
        self._store.ring([TOPIC])
        return kept.schedule

    def backfill(self, name: str, first: When, until: When) -> Backfilled:
        """Make runs of its moments from `first` to `until` that have none yet, whatever was decided about them.

        They run side by side, whatever `overlap` says. Raises SettingsError for a range that is none, or too long.
        """
        schedule = self.get(name)
        zone = zone_of(schedule.rule)
        begin, end = moment_of(first, zone, "first"), moment_of(until, zone, "until")
        if begin > end:
            raise SettingsError(
                f"the range ends before it begins: {named(begin, zone)} is after {named(end, zone)}"
            )
        moments = list(islice(between(schedule.rule, begin, end), MOST_BACKFILLED + 1))
        if len(moments) > MOST_BACKFILLED:
            raise SettingsError(
                f"schedule {name!r} has more than {MOST_BACKFILLED:,} moments from {named(begin, zone)}"
                f" to {named(end, zone)}: backfill a part at a time"
            )
        return self._backfilled(schedule, moments)

    def _work(
        self, definition: Definition, inputs: Mapping[str, Any], moment_input: str | None
    ) -> dict[str, Any]:
        """What a schedule says of the workflow whose runs it makes, and of their inputs."""
        program = definition.as_program()
        bound = inputs_for(definition, inputs, moment_input)
        self._engine.learn(definition)
        asked = getattr(definition, "inputs", None) or {}
        return {
            "workflow": program.name,
            "inputs": self._engine.codec.encode(taken(definition, bound, durable=True)),
            "source": source_of(definition),
            "version": program.version,
            "moment_input": moment_input,
            "moment_as_text": moment_input is not None and takes_text(asked.get(moment_input)),
        }

    def _backfilled(self, schedule: Schedule, moments: list[float]) -> Backfilled:
        made: list[str] = []
        for at in range(0, len(moments), _AT_ONCE):
            changes = runs_of(self._engine, schedule, moments[at : at + _AT_ONCE], self._engine.clock.now())
            verdicts = self._store.commit(changes)
            made += [each.run for each, said in zip(changes, verdicts, strict=True) if isinstance(said, Ok)]
        return Backfilled(made, len(moments) - len(made))

    def _put_new(self, schedule: Schedule, replace: bool) -> Schedule:
        kept = find_kept(self._store, schedule.name)
        if kept is not None and not replace:
            raise CommandRefused(
                f"there is a schedule {schedule.name!r} already: say replace=True (--replace) to change it"
            )
        guard = Guard("documents", id_of(schedule.name), None) if kept is None else kept.guard
        new = schedule if kept is None else _replaced(kept, schedule)
        return self._written(new, guard)

    def _change(self, name: str, change: Any) -> Schedule:
        """Somebody may fire it meanwhile: then it is looked at again."""
        for _ in range(100):
            kept = get_kept(self._store, name)
            new: Schedule = change(kept.schedule)
            if self._try(new, kept.guard):
                return new
        raise CommandRefused(f"schedule {name!r} is being changed all the time; try again")

    def _written(self, schedule: Schedule, guard: Guard) -> Schedule:
        if not self._try(schedule, guard):
            raise CommandRefused(
                f"schedule {schedule.name!r} was changed just now by somebody else; try again"
            )
        return schedule

    def _try(self, schedule: Schedule, guard: Guard) -> bool:
        (verdict,) = self._store.commit([Change(puts=[put_of(schedule, new_version())], guards=[guard])])
        self._store.ring([TOPIC])
        return isinstance(verdict, Ok)


def _begun(schedule: Schedule, now: float, start: When | None, zone: str) -> Schedule:
    """The schedule before its first moment."""
    after = now if start is None else max(now, moment_of(start, zone, "start") - 0.001)
    upcoming = upcoming_of(schedule, after)
    if upcoming is None:
        bounds = "" if schedule.until is None else f", until {named(schedule.until, zone)}"
        past = f": {named(schedule.rule.at, zone)} is past" if isinstance(schedule.rule, Once) else ""
        raise SettingsError(f"schedule {schedule.name!r} is never due from now on{bounds}{past}")
    return awaiting(schedule, upcoming)


def _replaced(kept: Kept, new: Schedule) -> Schedule:
    """What is told of a schedule stays; where it stands does too if it is due by the same rule."""
    old = kept.schedule
    same = old.rule == new.rule and old.next is not None
    return msgspec.structs.replace(
        awaiting(new, old.next) if same else new,
        paused=old.paused,
        last=old.last,
        last_run=old.last_run,
        fired=old.fired,
        left_out=old.left_out,
    )
