"""Routines that are connected without a flow: what one emits outside of any job is delivered in a job of its own."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from penstock.routines.job_state import JobState
from penstock.routines.parties import Member, Source, Way
from penstock.routines.plan import compiled
from penstock.routines.program import FlowProgram
from penstock.routines.progress import HISTORY
from penstock.routines.running import deliver
from penstock.routines.tracker import ExecutionTracker

if TYPE_CHECKING:
    from penstock.app import Engine

NAME = "loose"


class Loose:
    """A flow for as long as one event is carried on."""

    flow_id = name = NAME
    history = HISTORY
    execution_strategy, max_workers = "sequential", 1
    store: str | Engine | None = None
    job_state: JobState | None = None

    def __init__(self, routines: Iterable[Member]) -> None:
        self.routines = {f"{type(each).__name__}-{number}": each for number, each in enumerate(routines)}
        self.hooks: list[Any] = []
        self.jobs: list[JobState] = []
        self.execution_tracker = ExecutionTracker(NAME)
        self._program = compiled(self)

    def get_error_handler(self) -> None:
        return None

    def ways(self, event: Source) -> list[Way]:
        return [each for each in event.connections if each.flow is None]

    def as_program(self) -> FlowProgram:
        return self._program


def carry(event: Source, data: dict[str, Any]) -> None:
    """Run every routine that what is emitted comes to, here and now. Raises what a handler raised."""
    flow = Loose(_reachable(event))
    for each in flow.routines.values():
        each.flow = flow
    try:
        deliver(flow, [(each.target_slot, dict(data), each.param_mapping) for each in event.connections])
    finally:
        for each in flow.routines.values():
            each.flow = None


def _reachable(event: Source) -> list[Member]:
    found: dict[Member, None] = {}
    waiting = [event]
    while waiting:
        for way in waiting.pop().connections:
            routine = way.target_slot.routine
            if routine is not None and routine not in found:
                found[routine] = None
                waiting.extend(routine.events.values())
    return list(found)
