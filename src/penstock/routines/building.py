"""Building a flow: routines under their ids, the connections between them, how jobs go, who is told."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import Any

from penstock.errors import DefinitionError
from penstock.model.wording import guess
from penstock.routines.functions import as_routine
from penstock.routines.job_state import JobState
from penstock.routines.parties import Source, Way
from penstock.routines.plan import checked_strategy
from penstock.routines.program import FlowProgram
from penstock.routines.progress import HISTORY
from penstock.routines.strategies import ErrorHandler
from penstock.routines.unit import Routine
from penstock.routines.wiring import Connection


class Building:
    """The part of a flow that is built."""

    def __init__(self) -> None:
        self.flow_id = ""
        self.hooks: list[Any] = []
        self.history = HISTORY
        self.entry: str | None = None
        self.execution_strategy, self.max_workers = "sequential", 5
        self.job_state: JobState | None = None
        self._routines: dict[str, Routine] = {}
        self._error_handler: ErrorHandler | None = None
        self._compiled: tuple[Any, FlowProgram] | None = None

    def add_routine(self, routine: Routine, routine_id: str | None = None) -> str:
        """Add a routine under an id, else under the name of its class; returns the id."""
        _check_routine(routine, self.flow_id)
        if routine_id is None:
            routine_id = self._free_name(getattr(routine, "name", None) or type(routine).__name__)
        self._check_id(routine_id)
        self.hold(routine, routine_id)
        return routine_id

    def hold(self, routine: Routine, routine_id: str) -> None:
        """Add a routine as it is."""
        self._routines[routine_id] = routine
        routine.flow = self
        self._compiled = None

    def connect(
        self,
        source_routine_id: str,
        source_event: str,
        target_routine_id: str,
        target_slot: str,
        param_mapping: Mapping[str, str] | None = None,
    ) -> Connection:
        """Deliver what one routine emits to another's slot, parameters renamed as `param_mapping` says."""
        event = self.routine(source_routine_id).event(source_event)
        slot = self.routine(target_routine_id).slot(target_slot)
        return event.connect(slot, param_mapping, flow=self)

    def routine(self, routine_id: str) -> Routine:
        """A routine by its id. Raises DefinitionError for one that is not there."""
        found = self._routines.get(routine_id)
        if found is None:
            hint = guess(str(routine_id), self._routines, "it has")
            raise DefinitionError(f"flow {self.flow_id!r} has no routine {routine_id!r}; {hint}")
        return found

    @property
    def routines(self) -> dict[str, Routine]:
        """Its routines by id."""
        return dict(self._routines)

    @property
    def connections(self) -> list[Connection]:
        """Every connection between its routines, by source, in the order in which messages are delivered."""
        return [
            each
            for routine in self._routines.values()
            for event in routine.events.values()
            for each in event.connections
            if self._holds(each)
        ]

    def entry_id(self) -> str:
        """The routine where a job begins that names none. Raises DefinitionError where there is not just one."""
        if self.entry is not None:
            self.routine(self.entry)
            return self.entry
        led_to = {id(each.target_slot.routine) for each in self.connections}
        first = [name for name, routine in self._routines.items() if id(routine) not in led_to]
        if len(first) == 1:
            return first[0]
        known = ", ".join(map(repr, first)) or "none"
        raise DefinitionError(
            f"flow {self.flow_id!r} does not say where a job begins: routines to which nothing leads are {known};"
            f" say Flow({self.flow_id!r}, entry=...)"
        )

    def ways(self, event: Source) -> list[Way]:
        """The connections of an event that hold in this flow."""
        return [each for each in event.connections if self._holds(each)]

    def _holds(self, way: Way) -> bool:
        return way.flow is None or way.flow is self

    def set_execution_strategy(self, strategy: str, max_workers: int | None = None) -> None:
        """Run jobs that say nothing else "sequential" or "concurrent"."""
        self.execution_strategy, workers = checked_strategy(strategy, max_workers)
        if max_workers is not None:
            self.max_workers = workers

    def set_error_handler(self, error_handler: ErrorHandler | None) -> None:
        """What becomes of a job when an activation fails whose routine has no error handler of its own."""
        if error_handler is not None and not isinstance(error_handler, ErrorHandler):
            raise DefinitionError(f"an error handler must be an ErrorHandler, not {error_handler!r}")
        self._error_handler = error_handler
        self._compiled = None

    def get_error_handler(self) -> ErrorHandler | None:
        """Its error handler, if it has one."""
        return self._error_handler

    def add_hook(self, hook: Any) -> None:
        """Have an object told what happens. Each of these methods is called if it has it, on the thread where it happens:

        `on_activation_start(job, routine, slot, data)`, `on_activation_end(job, routine, slot, seconds)`,
        `on_activation_error(job, routine, slot, error)`, `on_event(job, routine, slot, event, data)`, `on_job_start(job)` and
        `on_job_end(job)`. `job` is the id of the job's run, for the last two the JobState. One that raises is logged.
        """
        self.hooks.append(hook)
        self._compiled = None

    def pipe(self, *steps: Routine | Callable[..., Any] | str) -> list[str]:
        """Connect one after another: functions, routines with one event and one slot, ids of routines that are here.

        Returns their ids.
        """
        ids = [each if isinstance(each, str) else self._belonging(each) for each in steps]
        for before, after in pairwise(ids):
            event = self._only(before, "event", self.routine(before).events)
            slot = self._only(after, "slot", self.routine(after).slots)
            self.connect(before, event, after, slot)
        return ids

    def empty(self) -> None:
        """Forget its routines."""
        self._routines.clear()
        self._compiled = None

    # Inside

    def _free_name(self, name: str) -> str:
        number = 1
        while (found := name if number == 1 else f"{name}_{number}") in self._routines:
            number += 1
        return found

    def _check_id(self, routine_id: Any) -> None:
        if not isinstance(routine_id, str) or not routine_id or set(routine_id) & set("/@#."):
            raise DefinitionError(
                f"{routine_id!r} cannot be a routine's id: it must be text without '/', '@', '#' and '.', which stand for"
                " something else"
            )
        if routine_id in self._routines:
            raise DefinitionError(
                f"flow {self.flow_id!r} has a routine {routine_id!r} already: give this one another id"
            )

    def _belonging(self, what: Any) -> str:
        for name, routine in self._routines.items():
            if routine is what:
                return name
        return self.add_routine(as_routine(what))

    def _only(self, routine_id: str, kind: str, found: Mapping[str, Any]) -> str:
        if len(found) == 1:
            return next(iter(found))
        known = ", ".join(map(repr, found)) or "none"
        raise DefinitionError(
            f"a pipe needs one {kind} of {routine_id!r}, which has {known}: connect it with flow.connect(...)"
        )


def _check_routine(routine: Any, flow: str) -> None:
    if not isinstance(routine, Routine):
        raise DefinitionError(
            f"flow {flow!r} takes routines, not {routine!r}: subclass Routine, or say @routine"
        )
