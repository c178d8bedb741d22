"""What is kept of simulated workflows: definitions, each unique by name and version, and executions, each with its outcome."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Literal, NamedTuple

Status = Literal["pending", "running", "completed", "failed", "terminated", "timed_out"]

FINAL: frozenset[str] = frozenset({"completed", "terminated"})
"""What an execution stays; one that has failed may be played again."""

ENDED: frozenset[str] = frozenset({"completed", "failed", "terminated", "timed_out"})


class WorkflowDefinition(NamedTuple):
    """A workflow's code with its parameters' names and defaults: never changed once it is kept.

    `definition` is the code, `code_hash` its hash; `configuration` holds the sections that the defaults came in. `origin` is
    "file", or "network" of code that was sent to a server.
    """

    workflow_name: str
    version: str
    workflow_type: str
    definition: str
    parameter_values: dict[str, Any]
    created_by: str
    created_at: datetime
    updated_at: datetime
    code_hash: str = ""
    configuration: Mapping[str, dict[str, Any]] = {}
    origin: str = "file"

    @property
    def key(self) -> str:
        """NAME@VERSION, which no other definition has."""
        return f"{self.workflow_name}@{self.version}"


class WorkflowExecution(NamedTuple):
    """One execution of a definition. `run_id` is its run on the engine; None where the caller's own environment drives it.

    `owner` is the engine that began it; `left` says that its process went away before it ended: its run may be resumed.
    """

    execution_id: str
    workflow_definition: WorkflowDefinition
    parameter_values: dict[str, Any]
    performance_metrics: dict[str, Any] | None
    start_time: datetime
    end_time: datetime | None
    status: Status
    executed_by: str
    error_message: str | None = None
    run_id: str | None = None
    seed: int = 0
    owner: str = ""
    left: bool = False


def now() -> datetime:
    """The time, in UTC."""
    return datetime.now(UTC)


def moment(seconds: float) -> datetime:
    """A time as the store keeps it."""
    return datetime.fromtimestamp(seconds, UTC)


def spellings(execution_id: str) -> list[str]:
    """An id as it may have been written: its number with any leading zeros."""
    name, dash, number = execution_id.rpartition("-")
    if not (dash and number.isascii() and number.isdecimal()):
        return [execution_id]
    return list(dict.fromkeys(f"{name}-{int(number):0{digits}}" for digits in range(4, 0, -1)))
