"""What a call means here: where a program runs its author's own code, calls of tasks and workflows become steps.

Such a program sets its `Caller` while that code runs. Tasks and workflows ask for it when they are called; it is None in
ordinary code, and inside the steps themselves.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from typing import Any, NamedTuple, Protocol, runtime_checkable

from penstock.errors import FunctionStopped, UserError
from penstock.model.policies import DEFAULT, Policy
from penstock.model.program import Program


class Call(NamedTuple):
    """A function as a step: the name the step is given, the code, what it is allowed."""

    name: str
    fn: Callable[..., Any]
    policy: Policy = DEFAULT


class Caller(Protocol):
    """Turns calls into steps, and answers with what the author's code is to be given for them."""

    def call(self, call: Call, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
        """A task was called."""

    def open(self, program: Program, input: Any) -> Any:
        """A workflow was called."""


@runtime_checkable
class Callee(Protocol):
    """A definition of one step, such as a task."""

    def as_call(self) -> Call: ...


_caller: ContextVar[Caller | None] = ContextVar("penstock_caller", default=None)

caller = _caller.get
"""Who turns calls into steps here; None: nobody, a call is a call."""

enter = _caller.set
leave = _caller.reset


def stop_if_ending() -> None:
    """End a function that was suspended when the interpreter ends: its `finally` blocks may not take steps for calls."""
    if sys.is_finalizing():
        raise FunctionStopped("the interpreter is ending")


def refuse_inside(workflow: str) -> None:
    """Raise UserError where a run would be started by a function that is played, and so again by every replay."""
    if _caller.get() is not None:
        raise UserError(
            f"a run of {workflow!r} would be started by a durable function, and again whenever that is replayed: call the"
            " workflow as a part of this run, step(workflow)(...), or start it in a step"
        )
