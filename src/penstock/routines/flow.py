"""A flow: routines, how they are connected, and the jobs that run through them."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from penstock.errors import DefinitionError
from penstock.model.graph import nearest
from penstock.routines.activation import Place
from penstock.routines.binding import Parameter, parameters_of
from penstock.routines.job_state import JobState
from penstock.routines.plan import checked_strategy, compiled, place_at, revision_of
from penstock.routines.program import FlowProgram
from penstock.routines.progress import HISTORY
from penstock.routines.routine import Routine
from penstock.routines.strategies import ErrorHandler
from penstock.routines.tracker import ExecutionTracker
from penstock.routines.wiring import Connection

if TYPE_CHECKING:
    from penstock.app import Engine

_made: Counter[str] = Counter()
"""How many flows without a name each module has made: their names must be the same whenever it is loaded."""


class Flow:
    """Routines and the connections between them.

    `execution_strategy` is "sequential" (depth first, in the order of emitting and connecting) or "concurrent" (up to
    `max_workers` activations at once, in threads). `store` is where jobs are recorded that name none ("ephemeral": nowhere).
    `history` bounds a job's records. `hooks` are objects told what happens, see `add_hook`. `entry` is the routine where a job
    begins that names none: without it the only one to which nothing leads.
    """

    def __init__(  # noqa: PLR0913 - one keyword a power
        self,
        flow_id: str | None = None,
        execution_strategy: str = "sequential",
        max_workers: int = 5,
        *,
        store: str | Engine | None = None,
        history: int = HISTORY,
        hooks: Iterable[Any] = (),
        entry: str | None = None,
    ) -> None:
        self.module = sys._getframe(1).f_globals.get("__name__", "")
        self.flow_id = flow_id or _next_name(self.module)
        self.store = store
        self.history = history
        self.entry = entry
        self.hooks = list(hooks)
        self.job_state: JobState | None = None
        self.execution_tracker = ExecutionTracker(self.flow_id)
        self.jobs: list[JobState] = []  # those that are being driven
        self._routines: dict[str, Routine] = {}
        self._error_handler: ErrorHandler | None = None
        self._compiled: tuple[Any, FlowProgram] | None = None
        self.set_execution_strategy(execution_strategy, max_workers)

    @property
    def name(self) -> str:
        """Its id: what runs are listed under."""
        return self.flow_id

    # Building

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
        return event.connect(slot, param_mapping)

    def routine(self, routine_id: str) -> Routine:
        """A routine by its id. Raises DefinitionError for one that is not there."""
        found = self._routines.get(routine_id)
        if found is None:
            close = nearest(str(routine_id), self._routines)
            known = ", ".join(map(repr, self._routines)) or "none"
            hint = f"did you mean {close!r}?" if close else f"it has {known}"
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
        ]

    def set_execution_strategy(self, strategy: str, max_workers: int | None = None) -> None:
        """Run jobs that say nothing else "sequential" or "concurrent"."""
        self.execution_strategy, workers = checked_strategy(strategy, max_workers)
        self.max_workers = getattr(self, "max_workers", workers) if max_workers is None else workers

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

    # What the engine is given

    def as_program(self) -> FlowProgram:
        """The flow as it is now, ready to be played. A job that runs keeps the one it began with."""
        revision = revision_of(self)
        if self._compiled is None or self._compiled[0] != revision:
            self._compiled = (revision, compiled(self))
        return self._compiled[1]

    def annotations(self) -> list[Any]:
        """Every type its handlers' signatures name: the classes that recorded values may come back as."""
        return [
            parameter.annotation
            for routine in self._routines.values()
            for slot in routine.slots.values()
            if slot.handler is not None
            for parameter in parameters_of(slot.handler).values()
        ]

    def modules(self) -> set[str]:
        """Where it and its routines were written: classes from there may come back from a store."""
        return {self.module, *(type(each).__module__ for each in self._routines.values())} - {"", "builtins"}

    @property
    def inputs(self) -> dict[str, Parameter]:
        """What a job is given by name, where it begins at the flow's own entry."""
        place = self.place(self.entry_id())
        return parameters_of(place.handler) if place.handler is not None else {}

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

    def place(self, routine_id: str, slot: str | None = None) -> Place:
        """Where parameters go that a job begins with: the routine's own call if it has one, else its slot."""
        return place_at(routine_id, self.routine(routine_id), slot)

    # Jobs

    def execute(  # noqa: PLR0913 - one keyword a power
        self,
        entry_routine_id: str | None = None,
        entry_params: Mapping[str, Any] | None = None,
        execution_strategy: str | None = None,
        max_workers: int | None = None,
        *,
        entry_slot: str | None = None,
        store: str | Engine | None = None,
        key: str | None = None,
        tags: Mapping[str, str] | None = None,
        timeout: float | None = None,
    ) -> JobState:
        """Run a job on this thread and return it when it is finished or paused; of its failure `status` and `error` tell.

        With `store` it is recorded there: it survives crashes and is resumed by `resume`, or by `penstock resume`.
        """
        from penstock.routines.running import execute

        strategy, workers = checked_strategy(
            self.execution_strategy if execution_strategy is None else execution_strategy,
            self.max_workers if max_workers is None else max_workers,
        )
        entry = self.entry_id() if entry_routine_id is None else entry_routine_id
        place = self.place(entry, entry_slot)
        how = {"key": key, "tags": tags, "timeout": timeout}
        chosen = store if store is not None else self.store
        return execute(
            self, place, dict(entry_params or {}), {"strategy": strategy, "workers": workers}, chosen, how
        )

    def pause(self, reason: str = "", checkpoint: Any = None, *, job: JobState | None = None) -> JobState:
        """Let what runs of a job (None: the latest) end and begin nothing more; `execute` then returns it."""
        from penstock.routines.running import pause

        return pause(self, job, reason, checkpoint)

    def resume(self, job_state: JobState | None = None, *, store: str | Engine | None = None) -> JobState:
        """Go on with a paused or failed job on this thread; what was finished is not repeated. Of a completed one: nothing."""
        from penstock.routines.running import resume

        return resume(self, job_state, store)

    def cancel(self, reason: str = "", *, job: JobState | None = None) -> JobState:
        """Begin nothing more of a job (None: the latest) and end it."""
        from penstock.routines.running import cancel

        return cancel(self, job, reason)

    def wait_for_completion(self, timeout: float | None = None) -> bool:
        """Wait until no job of it is being driven; False if that took longer than `timeout` seconds."""
        from penstock.routines.running import wait_for

        return wait_for(self, timeout)

    def shutdown(self, wait: bool = True) -> None:
        """Wait for its jobs, or cancel them."""
        if not wait:
            for job in list(self.jobs):
                self.cancel("the flow was shut down", job=job)
        self.wait_for_completion()

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

    def __repr__(self) -> str:
        return f"<Flow {self.flow_id}: {len(self._routines)} routines>"


def _next_name(module: str) -> str:
    _made[module] += 1
    return "flow" if _made[module] == 1 else f"flow-{_made[module]}"


def _check_routine(routine: Any, flow: str) -> None:
    if not isinstance(routine, Routine):
        raise DefinitionError(
            f"flow {flow!r} takes routines, not {routine!r}: subclass Routine, or say @routine"
        )
