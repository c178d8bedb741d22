"""Turns what happens in runs, of whatever style, into what people are told.

A run's story is written down as the run's state changes, while names, groups and times are at hand, and told when the events
that it came from are recorded: so nobody hears of what a crash could take back. A program that names its units is asked; else a
run is known by its id and workflow, a step by `RUN/STEP`, its key and the name of its function.
"""

from __future__ import annotations

from collections.abc import Sequence
from time import monotonic
from typing import Any, Final

from penstock.engine.lanes import Fact
from penstock.model.events import FINAL, Event
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
        for run, sequence, _, event in rows:
            story: Any = run.watcher  # one of ours
            if story is None:
                continue
            if story.pages and story.pages[0].sequence <= sequence:
                self._tell(story.pages, sequence)
            if type(event) in FINAL:
                run.watcher = None  # the story is told; it holds its run

    def _tell(self, pages: list[Told], sequence: int) -> None:
        """Tell what came of events up to a number."""
        told = 0
        for page in pages:
            if page.sequence > sequence:
                break
            for sink in self.sinks:
                sink(page)
            told += 1
        del pages[:told]


class Story:
    """What is to be told of one run: `pages`, in the order of its events. See penstock.model.state.Watcher."""

    __slots__ = ("_groups", "_naming", "_open", "_root", "_run", "_whole_only", "pages")

    def __init__(self, run: Run) -> None:
        self.pages: list[Told] = []
        self._run = run
        self._naming = getattr(run.program, "subject", None)
        self._root: Told | None = None  # that the run itself has started
        self._open: dict[Step | Scope, Told] = {}  # that these have
        self._groups: dict[str, _Together] = {}  # the present one of each scope
        self._whole_only = False  # whether nobody knows of parts of this run

    # What the machine tells

    def opened(self, scope: Scope) -> None:
        if scope.parent is None:
            self._whole_only = getattr(scope.play, "whole_only", False)
        told = self._began(scope, scope.path[:-1])
        if told is not None:
            self.pages.append(told)

    def started(self, step: Step) -> None:
        if self._whole_only or step in self._open:
            return  # the run itself has started, or another attempt
        told = self._began(step, step.id)
        if told is not None:
            self.pages.append(told)

    def ended(self, step: Step, error: Failure | None = None) -> None:
        began = self._open.pop(step, None) if self._open else None
        if began is not None:
            self._over(began, step.status, error)

    def left(self, scope: Scope) -> None:
        kind, value = scope.outcome or ("cancelled", None)
        if self._groups:
            if kind == "completed":
                self._close_group(scope.path[:-1])
            self._groups.pop(scope.path[:-1], None)
        began = self._root if scope.parent is None else self._open.pop(scope, None)
        if began is not None:
            self._over(began, kind, value if kind == "failed" else None)
        elif scope.parent is None:
            self._conclude(scope, kind, value)

    # Units

    def _began(self, unit: Step | Scope, path: str) -> Told | None:
        """The fact that a unit has started, which is remembered; with the first of a group, the group starts."""
        run = self._run
        try:
            subject = _usual(run, unit) if self._naming is None else self._naming(run, path)
        except Exception as error:
            subject = _nameless(run, unit, error)
        if subject is None:
            return None
        if isinstance(unit, Step):
            if unit.item is not None:
                subject, path = _of_item(subject, unit.item), f"{path}[{unit.item}]"
            above: Scope | None = unit.scope
        else:
            above = unit.parent
        if above is not None and subject.group is not None:
            self._join(subject.group, above)
        told = Told(STARTED, run.id, path, run.sequence, run.at, monotonic(), subject)
        if above is None:
            self._root = told
        else:
            self._open[unit] = told
        return told

    def _over(self, began: Told, kind: str, error: Failure | None) -> None:
        what = _ENDS.get(kind)
        if what is None:
            return
        run, now, subject = self._run, monotonic(), began.subject
        took, said = now - began.clock, None if error is None else _said(error)
        self.pages.append(
            Told(what, run.id, began.path, run.sequence, run.at, now, subject, began, took, said)
        )
        if subject.group is not None and what is COMPLETED:
            self._count(subject.group)

    def _conclude(self, scope: Scope, kind: str, value: Any) -> None:
        """A run is over whose start others told: how long it took, its own times tell."""
        run = self._run
        told = self._began(scope, "")
        if told is not None:
            took = max(0.0, run.at - run.started_at)
            said = _said(value) if kind == "failed" else None
            page = (_ENDS[kind], run.id, "", run.sequence, run.at, told.clock, told.subject, None, took, said)
            self.pages.append(Told(*page))

    # Groups

    def _join(self, group: Group, scope: Scope) -> None:
        """A unit of a group begins; with the first of them the group does, and the one before it is over."""
        present = self._groups.get(group.parent)
        if present is not None and present.group.number == group.number:
            return
        self._close_group(group.parent)
        owner = self._root if scope.parent is None else self._open.get(scope)
        if owner is None:  # others told of its start: what is told now is only its end
            owner = self._began(scope, scope.path[:-1])
        if owner is not None:
            told = self._of_group(GROUP_STARTED, group, owner)
            self._groups[group.parent] = _Together(group, owner, told)

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
            self._of_group(GROUP_COMPLETED, present.group, present.owner, present.began)

    def _of_group(self, what: str, group: Group, owner: Told, began: Told | None = None) -> Told:
        run, now = self._run, monotonic()
        took = None if began is None else now - began.clock
        page = (
            what,
            run.id,
            group.parent,
            run.sequence,
            run.at,
            now,
            owner.subject,
            began,
            took,
            None,
            group,
        )
        told = Told(*page)
        self.pages.append(told)
        return told


class _Together:
    """A group that has begun: how many of its units have completed, and whether its end was told."""

    __slots__ = ("began", "done", "group", "owner", "told")

    def __init__(self, group: Group, owner: Told, began: Told) -> None:
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


def _nameless(run: Run, unit: Step | Scope, error: Exception) -> Subject:
    import logging

    logging.getLogger("penstock").error("%r could not name a unit", run.program, exc_info=error)
    return _usual(run, unit)


def _of_item(subject: Subject, item: int) -> Subject:
    """The name of an item of a map."""
    return Subject(f"{subject.id}[{item}]", f"{subject.name}[{item}]", subject.kind, subject.group)


def _said(error: Failure) -> str:
    return error.message or error.type
