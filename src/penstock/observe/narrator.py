"""Turns what happens in runs, of whatever style, into what people are told.

A run's story is written down as the run's state changes, while names, groups and times are at hand, and told when the events
that it came from are recorded: so nobody hears of what a crash could take back. A program that names its units is asked; else a
run is known by its id and workflow, a step by `RUN/STEP`, its key and the name of its function.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from time import monotonic
from typing import Any, Final

from penstock.engine.lanes import Fact
from penstock.model.events import Event
from penstock.model.failure import Failure
from penstock.model.state import Run, Scope, Step
from penstock.model.subjects import Group, Subject
from penstock.observe.told import (
    CANCELLED,
    COMPLETED,
    FAILED,
    GROUP_COMPLETED,
    GROUP_STARTED,
    STARTED,
    Sink,
    Told,
)

_ENDS: Final = {"completed": COMPLETED, "failed": FAILED, "cancelled": CANCELLED}
_told = tuple.__new__  # a NamedTuple's own constructor costs twice as much


class Narrator:
    """The observer of one engine: tells its `sinks`. See penstock.ports.RowObserver."""

    def __init__(self, sinks: tuple[Sink, ...]) -> None:
        self.sinks = sinks

    def follow(self, run: Run) -> None:
        """Write down the story of a run from here on."""
        if run.watcher is None:
            run.watcher = Story(run)

    def recorded(self, run: str, workflow: str, sequence: int, at: float, event: Event) -> None:
        """A run that another process drives: its story is told there."""

    def recorded_rows(self, rows: Sequence[Fact]) -> None:
        """See RowObserver.recorded_rows."""
        sinks = self.sinks
        for row in rows:
            story = row[0].watcher
            if story is None:
                continue
            pages: deque[Told] = story.pages  # type: ignore[attr-defined] # a watcher that is one of ours
            while pages and pages[0][3] <= row[1]:
                told = pages.popleft()
                for sink in sinks:
                    sink(told)


class Unit:
    """A unit of work that has begun, in a story."""

    __slots__ = ("began", "path", "subject")

    def __init__(self, subject: Subject, path: str, began: float) -> None:
        self.subject = subject
        self.path = path
        self.began = began


class Story:
    """What is to be told of one run: `pages`, in the order of its events. See penstock.model.state.Watcher."""

    __slots__ = ("_groups", "_naming", "_run", "_units", "pages")

    def __init__(self, run: Run) -> None:
        self.pages: deque[Told] = deque()
        self._run = run
        self._naming = getattr(run.program, "subject", None)
        self._units: dict[Step | Scope, Unit] = {}
        self._groups: dict[str, _Together] = {}  # the present one of each scope

    # What the machine tells

    def opened(self, scope: Scope) -> None:
        unit = self._begun(scope, scope.path[:-1])
        if unit is not None:
            self._tell(STARTED, unit)

    def started(self, step: Step) -> None:
        if step in self._units:
            return  # another attempt
        subject = self._name(step, step.id)
        if subject is None:
            return
        path = step.id if step.item is None else f"{step.id}[{step.item}]"
        unit = self._units[step] = Unit(subject, path, monotonic())
        if subject.group is not None:
            self._join(subject.group, step.scope)
        self._tell(STARTED, unit)

    def ended(self, step: Step, error: Failure | None = None) -> None:
        unit = self._units.pop(step, None)
        if unit is not None:
            self._over(unit, step.status, error)

    def left(self, scope: Scope) -> None:
        unit = self._units.pop(scope, None)
        kind, value = scope.outcome or ("cancelled", None)
        if self._groups:
            if kind == "completed":
                self._close_group(scope.path[:-1])
            self._groups.pop(scope.path[:-1], None)
        if unit is not None:
            self._over(unit, kind, value if kind == "failed" else None)
        elif scope.parent is None:
            self._conclude(scope, kind, value)

    # Units

    def _begun(self, scope: Scope, path: str) -> Unit | None:
        subject = self._name(scope, path)
        if subject is None:
            return None
        unit = self._units[scope] = Unit(subject, path, monotonic())
        if subject.group is not None and scope.parent is not None:
            self._join(subject.group, scope.parent)
        return unit

    def _over(self, unit: Unit, kind: str, error: Failure | None) -> None:
        what = _ENDS.get(kind)
        if what is None:
            return
        self._tell(what, unit, monotonic() - unit.began, _said(error))
        group = unit.subject.group
        if group is not None and what is COMPLETED:
            self._count(group)

    def _conclude(self, scope: Scope, kind: str, value: Any) -> None:
        """A run that others began is over: how long it took, its own times tell."""
        subject = self._name(scope, "")
        if subject is not None:
            run = self._run
            said = _said(value) if kind == "failed" else None
            took = max(0.0, run.at - run.started_at)
            self.pages.append(Told(_ENDS[kind], run.id, "", run.sequence, run.at, subject, took, said))

    def _tell(self, what: str, unit: Unit, seconds: float | None = None, error: str | None = None) -> None:
        run = self._run
        page = (what, run.id, unit.path, run.sequence, run.at, unit.subject, seconds, error, None)
        self.pages.append(_told(Told, page))

    # Groups

    def _join(self, group: Group, scope: Scope) -> None:
        """A unit of a group begins; with the first of them the group does, and those before it are over."""
        present = self._groups.get(group.parent)
        if present is not None and present.group.number == group.number:
            return
        self._close_group(group.parent)
        owner = self._units.get(scope) or self._begun_before(scope)
        if owner is not None:
            self._groups[group.parent] = _Together(group, owner, monotonic())
            self._tell_group(GROUP_STARTED, group, owner.subject)

    def _begun_before(self, scope: Scope) -> Unit | None:
        """A scope that others opened: what is told of it now is only its end."""
        subject = self._name(scope, scope.path[:-1])
        if subject is None or scope.parent is None:
            return None if subject is None else Unit(subject, "", monotonic())
        unit = self._units[scope] = Unit(subject, scope.path[:-1], monotonic())
        return unit

    def _count(self, group: Group) -> None:
        present = self._groups.get(group.parent)
        if present is not None and present.group.number == group.number:
            present.done += 1
            if present.done >= group.awaited:
                self._close_group(group.parent)

    def _close_group(self, parent: str) -> None:
        present = self._groups.get(parent)
        if present is not None and not present.told:
            present.told = True
            took = monotonic() - present.began
            self._tell_group(GROUP_COMPLETED, present.group, present.owner.subject, took)

    def _tell_group(self, what: str, group: Group, owner: Subject, seconds: float | None = None) -> None:
        run = self._run
        page = (what, run.id, group.parent, run.sequence, run.at, owner, seconds, None, group)
        self.pages.append(_told(Told, page))

    # Names

    def _name(self, unit: Step | Scope, path: str) -> Subject | None:
        run = self._run
        try:
            subject = _usual(run, unit) if self._naming is None else self._naming(run, path)
        except Exception:
            import logging

            logging.getLogger("penstock").exception("%r could not name %r", run.program, path)
            subject = _usual(run, unit)
        if subject is not None and type(unit) is Step and unit.item is not None:
            mark = f"[{unit.item}]"
            return Subject(subject.id + mark, subject.name + mark, subject.kind, subject.group)
        return subject


class _Together:
    """A group that has begun: how many of its units have completed, and whether its end was told."""

    __slots__ = ("began", "done", "group", "owner", "told")

    def __init__(self, group: Group, owner: Unit, began: float) -> None:
        self.group = group
        self.owner = owner
        self.began = began
        self.done = 0
        self.told = False


def _usual(run: Run, unit: Step | Scope) -> Subject:
    """How a unit is known whose program has no names for it."""
    if isinstance(unit, Scope):
        if unit.parent is None:
            return Subject(run.id, run.workflow, "Workflow")
        return Subject(f"{run.id}/{unit.path[:-1]}", unit.key, "Workflow")
    fn = getattr(unit.ask, "fn", None)
    kind = getattr(fn, "__name__", None) or type(unit.ask if fn is None else fn).__name__
    return Subject(f"{run.id}/{unit.id}", unit.key, kind)


def _said(error: Failure | None) -> str | None:
    return None if error is None else error.message or error.type
