"""The task front door: graphs of ordinary functions."""

from penstock.model.policies import RetryPolicy
from penstock.tasks.task import Task, task
from penstock.tasks.workflow import Workflow

__all__ = ["RetryPolicy", "Task", "Workflow", "task"]
