"""Where what is emitted goes: into the activation that is running here, or else straight to the slots it is connected to."""

from __future__ import annotations

from typing import Any

from penstock.context import current
from penstock.errors import UserError
from penstock.routines.parties import Source


def emit(event: Source, data: dict[str, Any]) -> None:
    """Emit from inside an activation, whosever event it is; outside of any, see `_alone`."""
    context = current()
    if context is not None and context.own is not None:
        context.own.append((event, data))
    else:
        _alone(event, data)


def _alone(event: Source, data: dict[str, Any]) -> None:
    """Outside of any job: routines that were connected without a flow are run as one, here and now.

    Raises UserError for a routine that belongs to a flow, whose jobs begin with `execute`.
    """
    routine = event.routine
    if routine is not None and routine.flow is not None:
        raise UserError(
            f"{event!r} was emitted outside an activation: begin a job with flow.execute(...), or emit inside a handler."
            " A thread that a handler starts is outside: run it in contextvars.copy_context()"
        )
    from penstock.routines.loose import carry

    carry(event, data)
