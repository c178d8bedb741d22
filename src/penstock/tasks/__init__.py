"""The task front door: graphs of ordinary functions."""

from penstock.model.caching import Cache
from penstock.model.limits import Limit
from penstock.model.policies import RetryPolicy
from penstock.tasks.statuses import TaskStatus, WorkflowStatus
from penstock.tasks.task import Task, task
from penstock.tasks.workflow import Workflow

TYPE_CHECKING = False
if TYPE_CHECKING:
    from penstock.errors import TaskExecutionError, WorkflowExecutionError
    from penstock.tasks.executors import AsyncExecutor, BaseExecutor, SequentialExecutor, ThreadedExecutor
    from penstock.tasks.json_states import JSONStateStore
    from penstock.tasks.state_stores import BaseStateStore, SQLiteStateStore

__all__ = [
    "AsyncExecutor",
    "BaseExecutor",
    "BaseStateStore",
    "Cache",
    "JSONStateStore",
    "Limit",
    "RetryPolicy",
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

_LAZY = {
    "AsyncExecutor": "penstock.tasks.executors",
    "BaseExecutor": "penstock.tasks.executors",
    "BaseStateStore": "penstock.tasks.state_stores",
    "JSONStateStore": "penstock.tasks.json_states",
    "SQLiteStateStore": "penstock.tasks.state_stores",
    "SequentialExecutor": "penstock.tasks.executors",
    "TaskExecutionError": "penstock.errors",
    "ThreadedExecutor": "penstock.tasks.executors",
    "WorkflowExecutionError": "penstock.errors",
}


def __getattr__(name: str) -> object:
    from importlib import import_module

    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(_LAZY[name]), name)
    return value
