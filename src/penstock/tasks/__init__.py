"""The task front door: graphs of ordinary functions."""

from penstock.lazily import offered
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

__getattr__ = offered(
    __name__,
    {
        "AsyncExecutor": ".executors",
        "BaseExecutor": ".executors",
        "BaseStateStore": ".state_stores",
        "JSONStateStore": ".json_states",
        "SQLiteStateStore": ".state_stores",
        "SequentialExecutor": ".executors",
        "TaskExecutionError": "penstock.errors",
        "ThreadedExecutor": ".executors",
        "WorkflowExecutionError": "penstock.errors",
    },
)
