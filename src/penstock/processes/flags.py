"""How a child is to be run, and the states of a process."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar


class ProcessStatus(StrEnum):
    """Equal to its text: `process.status == "completed"`."""

    PENDING = "pending"
    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class ProcessExecutionFlags:
    """`parallel` children that follow one another are a group and run together; any other child is a group of its own.

    Nobody waits for a child without `wait_for_completion`.
    """

    SEQUENTIAL: ClassVar[ProcessExecutionFlags]
    PARALLEL: ClassVar[ProcessExecutionFlags]

    parallel: bool = False
    wait_for_completion: bool = True

    @property
    def mode(self) -> str:
        """In a word: parallel or sequential."""
        return "parallel" if self.parallel else "sequential"


ProcessExecutionFlags.SEQUENTIAL = ProcessExecutionFlags()
ProcessExecutionFlags.PARALLEL = ProcessExecutionFlags(parallel=True)
