"""Watches schedules: what moves one on is what the rules say, by the clock of whoever wrote it, and its runs come with it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from penstock.app.scheduling.firing import run_of
from penstock.app.scheduling.rules import between, named
from penstock.app.scheduling.schedule import GRACE_SECONDS, Schedule, awaiting, decide, due_of, upcoming_of
from penstock.app.scheduling.shelf import id_of
from penstock.model.states import FINISHED
from penstock.testing.simulation.office import Glance, Signature
from penstock.testing.simulation.programs.scheduled import Planned
from penstock.testing.simulation.replicas import Replica
from penstock.testing.simulation.world import World

ROUNDING = 0.0005
STEWARD = "steward"
"""Who alone may write a schedule again as it is."""


class Course(msgspec.Struct):
    """A schedule so far: how it stands under which version, its first moment, those fired and how many a pause left out."""

    planned: Planned
    kept: Schedule | None = None
    version: str = ""
    first: float | None = None
    fired: set[float] = msgspec.field(default_factory=set)
    paused_out: int = 0
    backfilled: bool = False
    refused: bool = False


class Told(NamedTuple):
    """What a process knew when it wrote: its clock, and whether the last run was over."""

    now: float
    over: frozenset[bool]


class ScheduleWatch:
    """Looks after everything that was written; a sentence for each thing that is wrong."""

    def __init__(self, planned: Sequence[Planned], store: Any, world: World, signature: Signature) -> None:
        self._store = store
        self._world = world
        self._signature = signature
        self._over_since: dict[str, float] = {}
        self.courses = {each.name: Course(each) for each in planned}

    @property
    def over(self) -> bool:
        """Whether no schedule is due any more."""
        return all(_is_over(each) for each in self.courses.values())

    def look(self, replicas: Mapping[str, Replica]) -> Iterator[str]:
        """Whoever wrote last wrote what is new."""
        rows = self._store.get("documents", [id_of(name) for name in self.courses])
        for name, course in self.courses.items():
            fresh = {
                moment
                for run, moment in course.planned.moments.items()
                if run in replicas and moment not in course.fired
            }
            course.fired |= fresh
            row = rows.get(id_of(name))
            if row is not None and row["version"] != course.version:
                before, course.version = course.kept, row["version"]
                course.kept = msgspec.json.decode(str(row["data"]), type=Schedule)
                yield from self._moved(course, before, course.kept, fresh, replicas)
            elif fresh and not course.backfilled:
                yield f"schedule {name} made runs of {_listed(fresh)} and did not move"
            self._note_end(course, replicas)

    def _note_end(self, course: Course, replicas: Mapping[str, Replica]) -> None:
        last = course.kept.last_run if course.kept is not None else None
        if last is not None and last in replicas and replicas[last].run.status in FINISHED:
            self._over_since.setdefault(last, self._world.now)

    def _moved(
        self,
        course: Course,
        before: Schedule | None,
        after: Schedule,
        fresh: set[float],
        replicas: Mapping[str, Replica],
    ) -> Iterator[str]:
        clock = self._signature.clock
        assert clock is not None
        if before is None:
            course.first = after.next
        elif before.paused != after.paused:
            yield from self._paused(course, before, after, clock.showed)
        elif after != before or clock.owner != STEWARD:
            told = Told(clock.showed, self._over(before.last_run, clock, replicas))
            yield from self._fired(before, after, fresh, told)
            return
        if fresh:
            yield f"schedule {after.name} made runs of {_listed(fresh)} without being due"

    def _over(self, run: str | None, clock: Glance, replicas: Mapping[str, Replica]) -> frozenset[bool]:
        """What could be seen of a run since the writer looked at its clock."""
        if run is None or run not in replicas:
            return frozenset({True})
        if replicas[run].run.status not in FINISHED:
            return frozenset({False})
        late = self._over_since.get(run, self._world.now) >= clock.looked_at
        return frozenset({True, False} if late else {True})

    def _paused(self, course: Course, before: Schedule, after: Schedule, now: float) -> Iterator[str]:
        expected = msgspec.structs.replace(before, paused=after.paused)
        self._world.counts["schedule paused" if after.paused else "schedule resumed"] += 1
        if not after.paused and before.next is not None and before.next <= now:
            upcoming = upcoming_of(before, now)
            expected = awaiting(expected, upcoming)
            passed = between(
                before.rule, before.next, now if before.until is None else min(now, before.until)
            )
            course.paused_out += sum(1 for _ in passed)
        if after != expected:
            yield f"schedule {after.name} is {after}, not {expected}"

    def _fired(self, before: Schedule, after: Schedule, fresh: set[float], told: Told) -> Iterator[str]:
        counts, name = self._world.counts, after.name
        decisions = [decide(before, told.now, last_is_over=over) for over in sorted(told.over)]
        for decision in decisions:
            if decision is None:
                continue
            last_run = run_of(before, decision.fire[-1]) if decision.fire else before.last_run
            if after == msgspec.structs.replace(decision.schedule, last_run=last_run):
                break
        else:
            yield f"schedule {name} was moved from {before} to {after} at {told.now}; the rules say {decisions}"
            return
        fire = set(decision.fire)
        if fresh != fire:
            yield f"schedule {name} fired {_listed(fire)}, and there are new runs of {_listed(fresh)}"
        counts["schedule moments fired"] += len(fire)
        counts["schedule moments left out"] += decision.left_out
        counts["schedule moments caught up"] += sum(
            due_of(before, each) < told.now - GRACE_SECONDS for each in fire
        )
        yield from self._policies(before, after, fire, told)

    def _policies(self, before: Schedule, after: Schedule, fire: set[float], told: Told) -> Iterator[str]:
        """Said once more, without the rules' help."""
        counts = self._world.counts
        assert before.next is not None
        passed = set(between(before.rule, before.next, told.now)) - {after.next}
        early = [each for each in fire if due_of(before, each) > told.now or each < before.next]
        if early:
            yield f"schedule {after.name} fired {_listed(set(early))} at {told.now}"
        timely = {each for each in passed if told.now - GRACE_SECONDS <= due_of(before, each) <= told.now}
        timely = {each for each in timely if before.until is None or each <= before.until}
        if before.overlap == "allow" and timely - fire:
            yield f"schedule {after.name} left {_listed(timely - fire)} out at {told.now}, though in time"
        if before.overlap == "skip" and fire and told.over == {False}:
            yield f"schedule {after.name} fired {_listed(fire)} beside {before.last_run}"
        counts["schedule skipped a moment"] += before.overlap == "skip" and not fire
        if before.overlap == "cancel" and fire and told.over == {False}:
            counts["schedule cancelled a run"] += 1
            if not any(letter.kind == "cancel" for letter in self._store.inbox(before.last_run)):
                yield f"schedule {after.name} fired {_listed(fire)} and left {before.last_run} alone"

    def at_the_end(self, replicas: Mapping[str, Replica]) -> Iterator[str]:
        """Each moment has one run or is accounted for, and none was made before it came."""
        for name, course in self.courses.items():
            kept, moments = course.kept, course.planned.moments
            if kept is None:
                continue
            due = [each for each in moments.values() if course.first is not None and each >= course.first]
            if course.backfilled and course.fired != set(due):
                yield f"schedule {name} was backfilled, and {_listed(set(due) - course.fired)} have no run"
            if not course.backfilled and len(course.fired) != kept.fired:
                yield f"schedule {name} says that it fired {kept.fired} times, and has {len(course.fired)} runs"
            if kept.fired + kept.left_out + course.paused_out != len(due):
                yield f"schedule {name} had {len(due)} moments and accounts for {kept.fired} and {kept.left_out}"
            for run, moment in moments.items() if not course.backfilled else ():
                if run in replicas and replicas[run].log[0][1] < moment - ROUNDING:
                    yield f"schedule {name} made its run of {named(moment)} at {named(replicas[run].log[0][1])}"


def _is_over(course: Course) -> bool:
    return course.refused or (course.kept is not None and course.kept.next is None)


def _listed(moments: set[float]) -> str:
    return ", ".join(named(each) for each in sorted(moments)) or "no moment"
