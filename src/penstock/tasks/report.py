"""What a workflow tells of itself: its tasks and their order, and what became of them in its latest run."""

from __future__ import annotations

import inspect
import types
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from penstock.errors import DefinitionError
from penstock.model.graph import layers, sinks
from penstock.model.history import steps_in
from penstock.model.parameters import Parameter, hints_of
from penstock.tasks.options import CALLBACKS
from penstock.tasks.statuses import TaskStatus, WorkflowStatus
from penstock.tasks.task import Task
from penstock.tasks.transitions import Listener

if TYPE_CHECKING:
    from penstock.app.run import Run
    from penstock.tasks.blueprint import Blueprint
    from penstock.tasks.executors import BaseExecutor
    from penstock.tasks.place import Place
    from penstock.tasks.program import GraphProgram
    from penstock.tasks.work import Work


class Reporting:
    """The part of a workflow that only tells. State is that of the latest run that was started from this object."""

    name: str
    latest: Run[Any] | None
    _places: dict[str, Place]
    _heard: tuple[GraphProgram, dict[str, Work]] | None = None

    # What it is

    @property
    def tasks(self) -> dict[str, Task[..., Any]]:
        """The tasks by name, in the order in which they were added."""
        return {name: place.task for name, place in self._places.items() if isinstance(place.task, Task)}

    def get_task(self, name: str) -> Task[..., Any]:
        """A task by name. Raises DefinitionError with the nearest name if there is none."""
        place = self._places.get(name)
        if place is None or not isinstance(place.task, Task):
            raise DefinitionError(
                f"workflow {self.name!r} has no task {name!r}{self._blueprint().hint(name)}"
            )
        return place.task

    def get_dependencies(self, name: str) -> list[str]:
        """The names a task depends on."""
        self.get_task(name)
        return list(self._places[name].depends_on)

    def get_execution_plan(self) -> list[list[str]]:
        """Tasks by layers: those of one layer may run side by side."""
        self.check()
        return layers(self._blueprint().needs())

    @property
    def outputs(self) -> dict[str, Parameter]:
        """What a run gives: its last tasks, with the types that their functions say they return."""
        return {
            name: Parameter(name, self._returned(name), None) for name in sinks(self._blueprint().needs())
        }

    def _returned(self, name: str) -> Any:
        task = self._places[name].task
        kind = (
            inspect.Parameter.empty
            if task is None
            else hints_of(task.fn).get("return", inspect.Parameter.empty)
        )
        if task is None or not task.over or kind is inspect.Parameter.empty:
            return kind
        return types.GenericAlias(list, (kind,))

    # What became of it

    @property
    def status(self) -> WorkflowStatus:
        """Of the latest run; pending if there was none."""
        return WorkflowStatus.PENDING if self.latest is None else WorkflowStatus(self.latest.status)

    @property
    def results(self) -> dict[str, Any]:
        """The results of the tasks that the latest run completed, by name."""
        done = {name: task for name, task in self.tasks.items() if task.status is TaskStatus.COMPLETED}
        return {name: task.result for name, task in done.items()}

    def results_for(self, name: str) -> dict[str, Any]:
        """Of these, the results of the tasks that a task depends on: what it is given."""
        results = self.results
        return {each: results[each] for each in self.get_dependencies(name) if each in results}

    def get_task_status(self, name: str) -> TaskStatus:
        """What became of a task."""
        return self.get_task(name).status

    def get_task_result(self, name: str) -> Any:
        """A task's result; None if it did not complete (`get_task(name).result` raises then)."""
        task = self.get_task(name)
        return task.result if task.status is TaskStatus.COMPLETED else None

    def get_workflow_stats(self) -> dict[str, Any]:
        """`status`, `total_tasks`, how many of them have each status, and `total_time_seconds` from first start to last end."""
        statuses = [task.status for task in self.tasks.values()]
        counts = {status.value: statuses.count(status) for status in TaskStatus}
        return {
            "status": self.status,
            "total_tasks": len(statuses),
            **counts,
            "total_time_seconds": 0.0 if self.latest is None else seconds_in_steps(self.latest),
        }

    # Running

    def listener(self) -> Listener | None:
        """Whoever is told how a run gets on, as its tasks say; None if none of them does."""
        program = self.as_program()
        if self._heard is None or self._heard[0] is not program:
            self._heard = (program, dict(_with_callbacks(self._places, "")))
        return Listener(self._heard[1]) if self._heard[1] else None

    def execute(self, executor: BaseExecutor | None = None, **inputs: Any) -> Any:
        """What `executor.execute(flow)` does; without one, `SequentialExecutor().execute(flow)`."""
        from penstock.tasks.executors import SequentialExecutor

        return (executor or SequentialExecutor()).execute(self, **inputs)  # type: ignore[arg-type] # a Workflow is the only one

    # What a workflow has besides

    def as_program(self) -> GraphProgram:
        raise NotImplementedError

    def check(self) -> None:
        raise NotImplementedError

    def _blueprint(self) -> Blueprint:
        raise NotImplementedError


def _with_callbacks(places: Mapping[str, Place], scope: str) -> Iterator[tuple[str, Work]]:
    """What wants to be told, by step; that of inner workflows too."""
    for name, place in places.items():
        if place.task is not None and place.task.options.keys() & CALLBACKS:
            yield scope + name, place.task
        if isinstance(place.flow, Reporting):
            yield from _with_callbacks(place.flow._places, f"{scope}{name}/")


def seconds_in_steps(run: Run[Any]) -> float:
    """From the start of a run's first step to the end of its last, as far as its log tells."""
    steps: Mapping[str, Any] = steps_in(run.events())
    starts = [step.started_at for step in steps.values() if step.started_at is not None]
    ends = [step.ended_at for step in steps.values() if step.ended_at is not None]
    return max(0.0, max(ends) - min(starts)) if starts and ends else 0.0
