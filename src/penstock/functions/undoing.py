"""How a step of a durable function is undone: what `step(fn, undo=...)` says, made a part of what the step is allowed."""

from __future__ import annotations

from typing import Any

import msgspec

from penstock.errors import DefinitionError
from penstock.model.calling import Call
from penstock.model.program import Definition
from penstock.model.undo import undo_of
from penstock.model.wording import shown


def check_undo(step: Any, undo: Any) -> None:
    """Raise DefinitionError for an undo that undoes nothing, where it is said."""
    if not callable(undo):
        raise DefinitionError(f"step(..., undo={shown(undo)}): give a function or a task")
    if isinstance(step, Definition):
        name = getattr(step, "name", type(step).__name__)
        raise DefinitionError(
            f"step({name}, undo=...): a workflow is undone by its steps; say undo= of those"
        )


def undone_by(call: Call, undo: Any) -> Call:
    """The call as one that names this undo, where it names any."""
    if undo is None:
        return call
    made = undo_of(call.fn, undo, f"step({call.name})")
    return call._replace(policy=msgspec.structs.replace(call.policy, undo=made))
