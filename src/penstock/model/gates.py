"""Runs, and workflows inside them, that need a slot under a limit themselves: the engine is told when they begin and end.

They begin all the same, and what is under way in them is part of the run's state; it is for the engine to start no step of
theirs before they have their slot.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from penstock.model.limits import Limit
from penstock.model.program import Open, Program
from penstock.model.state import Run, Scope


def limit_of(program: Program) -> Limit | None:
    """What a play of this program is under as a whole."""
    found: Limit | None = getattr(program, "under", None)
    return found


def enter(run: Run, scope: Scope, opening: Open) -> None:
    """A scope was opened."""
    if limit_of(opening.program) is not None:
        scope.gate = opening
        tell(run, scope)


def arguments_in(input: Any) -> Mapping[str, Any]:
    """What a play is given, by name: its input, or what that says it gives."""
    if isinstance(input, Mapping):
        return input
    given = getattr(input, "given", None)
    return given() if callable(given) else {}


def tell(run: Run, scope: Scope) -> None:
    """A scope that is under a limit was opened, or is over."""
    news = run.news
    news.rare = True
    if news.gates is None:
        news.gates = []
    news.gates.append(scope)
