"""FlowWeaver's names on Penstock: `penstock.tasks` states kept by task name, and underscore names that its document prints."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from penstock import tasks
from penstock.tasks import (
    Task,
    TaskExecutionError,
    TaskStatus,
    WorkflowExecutionError,
    WorkflowStatus,
    task,
)
from penstock_compat import step_back

if TYPE_CHECKING:
    from penstock.tasks import BaseStateStore, JSONStateStore, SQLiteStateStore

__all__ = [
    "AsyncExecutor",
    "BaseExecutor",
    "BaseStateStore",
    "JSONStateStore",
    "SQLiteStateStore",
    "SequentialExecutor",
    "Task",
    "TaskExecutionError",
    "TaskStatus",
    "ThreadedExecutor",
    "Workflow",
    "WorkflowExecutionError",
    "WorkflowStatus",
    "task",
]


class Workflow(tasks.Workflow):
    """See penstock.tasks.Workflow."""

    @property
    def _result_store(self) -> dict[str, Any]:
        return self.results

    def _build_context_for_task(self, task_name: str) -> dict[str, Any]:
        return self.results_for(task_name)


class BaseExecutor(tasks.BaseExecutor):
    """See penstock.tasks.BaseExecutor. What a state store holds as completed is restored, whichever run completed it."""

    default_scope = "task"

    def _restore_task_from_store(self, task: Task[..., Any]) -> bool:
        return self.has_saved(task)

    def _save_task_to_store(self, task: Task[..., Any]) -> None:
        self.save(task)


class SequentialExecutor(BaseExecutor, tasks.SequentialExecutor):
    """See penstock.tasks.SequentialExecutor."""


class ThreadedExecutor(BaseExecutor, tasks.ThreadedExecutor):
    """See penstock.tasks.ThreadedExecutor."""


class AsyncExecutor(BaseExecutor, tasks.AsyncExecutor):
    """See penstock.tasks.AsyncExecutor."""


def __getattr__(name: str) -> Any:
    """State stores, which are loaded when they are first used."""
    return getattr(tasks, name)


step_back(__name__)
