"""How plays and steps are opened in the state of a run, and closed."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from penstock.errors import InvariantBroken
from penstock.model.failure import Failure
from penstock.model.policies import Policy
from penstock.model.program import Ask, Play, Program
from penstock.model.state import Run, Scope, Step
from penstock.model.states import StepStatus


def new_play(run: Run, program: Program, path: str, input: Any) -> Play:
    """A play of a program, which is told whose it is if it wants to know."""
    play = program.play(input)
    identify = getattr(play, "identify", None)
    if identify is not None:
        identify(run.chance, path)
    return play


class Nothing:
    """The play of a program that could not even be made."""

    def begin(self, at: float) -> Iterable[Ask]:
        return ()

    def done(self, key: str, value: Any, at: float) -> Iterable[Ask]:
        return ()

    def failed(self, key: str, error: Failure, at: float) -> Iterable[Ask]:
        return ()


def step_of(run: Run, scope: Scope, ask: Any, policy: Policy, status: StepStatus) -> Step:
    return Step(run, scope, ask.key, scope.path + ask.key, ask, policy, status)


def open_step(run: Run, step: Step) -> None:
    if step.id in run.open:
        raise asked_twice(run, step.id)
    run.open[step.id] = step
    scope: Scope | None = step.scope
    while scope is not None:
        scope.open += 1
        scope = scope.parent


def close_step(run: Run, step: Step) -> None:
    """A step has settled: its value stays, the rest of it only where it ended otherwise than completed, or is a map."""
    del run.open[step.id]
    if run.program.keep:
        if step.status == "completed" and step.family is None:
            run.results[step.id] = step.value
        else:
            run.others[step.id] = step
    scope: Scope | None = step.scope
    while scope is not None:
        scope.open -= 1
        scope = scope.parent


def asked_twice(run: Run, name: str) -> InvariantBroken:
    return InvariantBroken(
        f"run {run.id}: step {name!r} was asked for twice; every step needs a name of its own"
    )
