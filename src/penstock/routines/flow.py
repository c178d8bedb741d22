"""A flow: routines, how they are connected, and the jobs that run through them."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from penstock.errors import DefinitionError
from penstock.model.parameters import Parameter
from penstock.routines.activation import Place
from penstock.routines.binding import parameters_of
from penstock.routines.building import Building
from penstock.routines.checks import Problem, problems
from penstock.routines.drawing import mermaid
from penstock.routines.job_state import JobState
from penstock.routines.plan import checked_strategy, compiled, place_at, revision_of
from penstock.routines.program import FlowProgram
from penstock.routines.progress import HISTORY
from penstock.routines.tracker import ExecutionTracker

if TYPE_CHECKING:
    from penstock.app import Engine

_made: Counter[str] = Counter()
"""How many flows without a name each module has made: their names must be the same whenever it is loaded."""


class Flow(Building):
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
        super().__init__()
        self.module = sys._getframe(1).f_globals.get("__name__", "")
        self.flow_id = flow_id or _next_name(self.module)
        self.store = store
        self.history = history
        self.entry = entry
        self.hooks.extend(hooks)
        self.execution_tracker = ExecutionTracker(self.flow_id)
        self.jobs: list[JobState] = []  # those that are being driven
        self.set_execution_strategy(execution_strategy, max_workers)

    @property
    def name(self) -> str:
        """Its id: what runs are listed under."""
        return self.flow_id

    def validate(self) -> list[Problem]:
        """What looks wrong: slots that nothing leads to, routines no job comes to, parameters and types that do not fit."""
        return list(problems(self))

    def to_mermaid(self) -> str:
        """The flow as a Mermaid flowchart."""
        program = self.as_program()
        return mermaid(program.as_graph(), program.kinds)

    def serialize(self) -> dict[str, Any]:
        """The flow as plain values that JSON can hold; see penstock.routines.serialization."""
        from penstock.routines.serialization import serialize

        return serialize(self)

    def deserialize(self, data: Mapping[str, Any], *, allow: Iterable[str] = ()) -> Flow:
        """Become the flow that `serialize` told of.

        Routines are made only of classes in modules that `allow` names, and in the module where this flow was made.
        """
        from penstock.routines.serialization import deserialize

        deserialize(self, data, {*allow, self.module})
        return self

    # What the engine is given

    def as_program(self) -> FlowProgram:
        """The flow as it is now, ready to be played. A job that runs keeps the one it began with."""
        revision = revision_of(self, self.entry)
        if self._compiled is None or self._compiled[0] != revision:
            self._compiled = (revision, compiled(self, self._own_place()))
        return self._compiled[1]

    def _own_place(self) -> Place | None:
        try:
            return self.place(self.entry_id())
        except DefinitionError:
            return None

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
        return {self.module, *(each.__module__ for each in self._routines.values())} - {"", "builtins"}

    @property
    def inputs(self) -> dict[str, Parameter]:
        """What a job is given by name, where it begins at the flow's own entry."""
        place = self.place(self.entry_id())
        return parameters_of(place.handler) if place.handler is not None else {}

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

    def resume(
        self, job_state: JobState | str | None = None, *, store: str | Engine | None = None
    ) -> JobState:
        """Go on with a paused or failed job on this thread; what was finished is not repeated. Of a completed one: nothing.

        A job that is recorded in a store may be named by its run: its id, a unique beginning of it, or "latest".
        """
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

    def __repr__(self) -> str:
        return f"<Flow {self.flow_id}: {len(self._routines)} routines>"


def _next_name(module: str) -> str:
    _made[module] += 1
    return "flow" if _made[module] == 1 else f"flow-{_made[module]}"
