"""Executing one task outside any workflow, with its retries and its time limit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from penstock.errors import RunFailed, TaskExecutionError
from penstock.model.parameters import signature_of
from penstock.tasks.workflow import Workflow

if TYPE_CHECKING:
    from penstock.tasks.task import Task


def execute_alone(task: Task[..., Any], context: Mapping[str, Any]) -> Any:
    """See Task.execute. Of the context a task is given what its parameters name, or all if it takes any."""
    signature = signature_of(task.fn, f"task {task.name!r}")
    fitting = {
        name: value for name, value in context.items() if signature.everything or name in signature.parameters
    }
    flow = Workflow(task.name)
    flow.add_task(task, values=fitting)
    task.alone = flow
    try:
        return flow.using(store="ephemeral").run()
    except RunFailed as error:
        raise TaskExecutionError(str(error), run_id=error.run_id, failed_step=task.name) from error.__cause__
