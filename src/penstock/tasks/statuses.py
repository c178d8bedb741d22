"""The states of tasks and workflows as their users see them: fewer than the engine's, and words on their own.

Each is a text: `task.status == "completed"` and `task.status is TaskStatus.COMPLETED` say the same.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from penstock.model.states import StepStatus


class TaskStatus(StrEnum):
    """What became of a task. One that waits for others, or for its turn, is pending."""

    PENDING = "pending"
    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    SKIPPED = "skipped"
    CANCELLED = "cancelled"


class WorkflowStatus(StrEnum):
    """What became of a workflow's latest run; pending if it was never run."""

    PENDING = "pending"
    RUNNING = "running"
    PAUSED = "paused"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"


_OF_STEP = {"waiting": TaskStatus.PENDING, "ready": TaskStatus.PENDING, "reused": TaskStatus.COMPLETED}


def status_of_step(status: StepStatus) -> TaskStatus:
    """A step's status as its task shows it."""
    return _OF_STEP.get(status) or TaskStatus(status)


def is_completed(status: Any) -> bool:
    """Whether a saved status, of any enumeration or in any case, says that the task is done."""
    return str(getattr(status, "value", status)).lower() == TaskStatus.COMPLETED.value
