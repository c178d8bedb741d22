"""What a fork takes over from another run, and how its own log begins. Pure: the same log and the same edits, the same events.

1. What completed in the other run is reused, save what is to run again and whatever depends on that.
2. A program that knows its dependencies says what that is. Of any other it is all that was asked for at or after that moment.
3. A step that was given a value by hand is not run; what depends on it is.
4. What was undone in the other run is run again, and so are hooks.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Any, NamedTuple, TypeGuard

from penstock.engine.recovery import Log
from penstock.errors import InputError, InvariantBroken, Nondeterminism
from penstock.model import events as e
from penstock.model import machine
from penstock.model.dropping import close_play
from penstock.model.program import Dependent, Program
from penstock.model.undoing import PREFIX
from penstock.model.wording import listed


class Cut(NamedTuple):
    """What is not as it was: steps to run again, values given to steps by hand, names of inputs, or `everything`."""

    steps: frozenset[str] = frozenset()
    outputs: Mapping[str, Any] = {}
    inputs: frozenset[str] = frozenset()
    everything: bool = False


def results_of(run_id: str, program: Program, log: Log) -> dict[str, Any]:
    """The values of all that completed, in order: by the program, else (it has changed) those of calls from the log alone."""
    try:
        return _played(run_id, program, log)
    except (Nondeterminism, InvariantBroken):
        return {event.step: event.value for _, _, event in log if _is_result(event)}


def _is_result(event: e.Event) -> TypeGuard[e.StepDone | e.StepReused]:
    return isinstance(event, e.StepDone | e.StepReused) and event.item is None


def _played(run_id: str, program: Program, log: Log) -> dict[str, Any]:
    """A wait and a map have no event of their own when they complete: the fold tells."""
    made: dict[str, Any] = {}
    state = machine.Run(run_id, program, machine.forgiven_in(event for _, _, event in log))
    try:
        for _, at, event in log:
            results, others = len(state.results), len(state.others)
            machine.evolve(state, event, at)
            if _is_result(event):
                made[event.step] = event.value
            for name in _newest(state.results, results):
                made.setdefault(name, state.results[name])
            for name in _newest(state.others, others):
                if state.others[name].family is not None and state.others[name].status == "completed":
                    made[name] = state.others[name].value
    finally:
        _close(state, "its log was read")
    return made


def _newest(found: dict[str, Any], known: int) -> list[str]:
    return list(islice(reversed(found), len(found) - known))[::-1]


def _close(state: machine.Run, why: str) -> None:
    """Its plays are asked nothing more."""
    if state.root is not None and state.final is None:
        for scope in (*state.scopes.values(), state.root):
            close_play(scope, why)


def undone_in(log: Log) -> set[str]:
    """The steps whose undoing was begun, items by the name of their map."""
    begun = {event.step for _, _, event in log if isinstance(event, e.StepStarted)}
    return {name.removeprefix(PREFIX).partition("[")[0] for name in begun if name.startswith(PREFIX)}


def beginning(
    run: machine.Run, first: Iterable[e.Event], made: Mapping[str, Any], cut: Cut, at: float
) -> Log:
    """The first events of a fork's log: `first`, whose last is the note that names its source, and all that it reuses.

    `run` is its state, and is folded with them. Raises InputError for a value given to a step that is not reached so.
    """
    log: Log = []
    note: e.Event | None = None
    for note in first:
        _tell(run, note, at, log)
    assert isinstance(note, e.Noted)
    source: str = note.data["run"]
    keep = _Keep(run, cut)
    given = dict(cut.outputs)
    try:
        for name in (*made, ""):
            _give(run, given, keep, source, at, log)
            step = run.open.get(name)
            if step is not None and name not in cut.outputs and keep(name):
                _tell(run, e.StepReused(name, made[name], source), at, log)
    finally:
        _close(run, "the beginning of its log was written")
    if given:
        raise InputError(
            f"{listed(map(repr, given))} cannot be given a value: a fork of run {source} does not reach it with what it reuses."
            " Name a step that was reached, and none after the step that is to run again"
        )
    return log


def _give(run: machine.Run, given: dict[str, Any], keep: _Keep, source: str, at: float, log: Log) -> None:
    """The values given by hand, as soon as their steps are asked for."""
    for name in [name for name in given if name in run.open]:
        keep.edited(name)
        _tell(run, e.StepReused(name, given.pop(name), source, edited=True), at, log)


def _tell(run: machine.Run, event: e.Event, at: float, log: Log) -> None:
    """Fold an event, and those that it makes necessary."""
    machine.evolve(run, event, at)
    log.append((run.sequence, at, event))
    said, run.news.said = run.news.said, []
    for each in said:
        _tell(run, each, at, log)


class _Keep:
    """Says whether a step that the fork asks for is reused."""

    def __init__(self, run: machine.Run, cut: Cut) -> None:
        self._run = run
        self._nothing = cut.everything
        self._stale: set[str] = set()
        self._moments: list[_Moment] = []
        names = [tuple(name.split("/")) for name in (*cut.steps, *cut.outputs)]
        self._split(run.program, "", names, cut)

    def __call__(self, name: str) -> bool:
        if self._nothing or "@" in name or any(part in self._stale for part in _above(name)):
            return False
        return all(moment.keeps(self._run, name) for moment in self._moments)

    def edited(self, name: str) -> None:
        """A step is about to be given another value: what is asked for from here on may depend on it."""
        for moment in self._moments:
            if name.startswith(moment.scope):
                moment.come(self._run.open)

    def _split(self, program: Program | None, scope: str, names: list[tuple[str, ...]], cut: Cut) -> None:
        """What in a scope is stale, by its program's dependencies or from which moment on."""
        inputs = () if scope else cut.inputs
        if not isinstance(program, Dependent):
            self._nothing = self._nothing or (bool(inputs) and not cut.steps)
            wanted = [scope + "/".join(name) for name in names]
            self._moments.append(_Moment(scope, frozenset(each for each in wanted if each in cut.steps)))
            return
        here = {name[0] for name in names if len(name) == 1}
        again = {key for key in here if scope + key in cut.steps}
        inside = {name[0] for name in names if len(name) > 1}
        changed = (here - again) | inside
        stale = program.downstream(again, inputs) | (program.downstream(changed, ()) - changed)
        self._stale.update(scope + key for key in stale)
        for key in inside - stale:
            deeper = [name[1:] for name in names if name[0] == key and len(name) > 1]
            self._split(program.part(key), f"{scope}{key}/", deeper, cut)


class _Moment:
    """When the first of these steps is asked for, in a scope whose program decides as it goes: what is asked later is stale."""

    def __init__(self, scope: str, steps: frozenset[str]) -> None:
        self.scope = scope
        self._steps = steps
        self._before: frozenset[str] | None = None

    def keeps(self, run: machine.Run, name: str) -> bool:
        if not name.startswith(self.scope):
            return True
        if self._before is None and any(s in run.open or s + "/" in run.scopes for s in self._steps):
            self.come(self._earlier(list(run.open)))
        return self._before is None or name in self._before

    def come(self, before: Iterable[str]) -> None:
        if self._before is None:
            self._before = frozenset(before)

    def _earlier(self, asked: list[str]) -> list[str]:
        """What was asked for before the first of the steps."""
        known = (number for number, name in enumerate(asked) if not self._steps.isdisjoint(_above(name)))
        return asked[: next(known, len(asked))]


def _above(name: str) -> Iterator[str]:
    """A step and the scopes it is in, by their full names."""
    parts = name.split("/")
    return ("/".join(parts[:number]) for number in range(len(parts), 0, -1))
