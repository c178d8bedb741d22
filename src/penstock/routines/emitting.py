"""Where what is emitted goes: into the activation that is running here, or else straight to the slots it is connected to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from penstock.context import current
from penstock.errors import UserError

if TYPE_CHECKING:
    from penstock.routines.unit import Routine
    from penstock.routines.wiring import Event


def emit(event: Event, data: dict[str, Any]) -> None:
    """Emit from inside an activation, whosever event it is; outside of any, see `_alone`."""
    context = current()
    if context is not None and context.own is not None:
        context.own.append((event, data))
    else:
        _alone(event, data)


def _alone(event: Event, data: dict[str, Any]) -> None:
    """Outside of any job: routines that were connected without a flow are run as one, here and now.

    Raises UserError for a routine that belongs to a flow, whose jobs begin with `execute`.
    """
    routine = event.routine
    if routine is not None and routine.flow is not None:
        raise UserError(
            f"{event!r} was emitted outside an activation: begin a job with flow.execute(...), or emit inside a handler."
            " A thread that a handler starts is outside: run it in contextvars.copy_context()"
        )
    from penstock.routines.flow import Flow
    from penstock.routines.running import deliver

    flow = Flow("loose")
    routines = _reachable(event)
    for number, each in enumerate(routines):
        flow.hold(each, f"{type(each).__name__}-{number}")
    try:
        deliver(flow, [(each.target_slot, dict(data), each.param_mapping) for each in event.connections])
    finally:
        for each in routines:
            each.flow = None


def _reachable(event: Event) -> list[Routine]:
    """Every routine that what is emitted can come to."""
    found: dict[Routine, None] = {}
    waiting = [event]
    while waiting:
        for slot in waiting.pop().connected_slots:
            if slot.routine is not None and slot.routine not in found:
                found[slot.routine] = None
                waiting.extend(slot.routine.events.values())
    return list(found)
