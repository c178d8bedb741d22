"""States and transitions of runs, steps and attempts, as data.

The pictures in the documentation are drawn from these tables, and `machine.evolve` is tested against them, state by event.
A pair that is not in a table is refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal

from penstock.model import events as e

RunStatus = Literal["pending", "running", "paused", "completed", "failed", "cancelled"]
StepStatus = Literal["waiting", "ready", "running", "completed", "failed", "skipped", "cancelled", "reused"]
AttemptStatus = Literal["running", "completed", "failed", "timed_out", "cancelled", "lost"]

RUN_STATUSES: Final[tuple[RunStatus, ...]] = (
    "pending",
    "running",
    "paused",
    "completed",
    "failed",
    "cancelled",
)
STEP_STATUSES: Final[tuple[StepStatus, ...]] = (
    "waiting", "ready", "running", "completed", "failed", "skipped", "cancelled", "reused",
)  # fmt: skip
FINISHED: Final[frozenset[RunStatus]] = frozenset({"completed", "failed", "cancelled"})
SETTLED: Final[frozenset[StepStatus]] = frozenset({"completed", "failed", "skipped", "cancelled", "reused"})

RUN: Final[Mapping[tuple[RunStatus, type], RunStatus]] = {
    ("pending", e.RunStarted): "running",
    ("pending", e.RunCancelled): "cancelled",
    ("running", e.Paused): "paused",
    ("running", e.RunDone): "completed",
    ("running", e.RunFailed): "failed",
    ("running", e.RunCancelled): "cancelled",
    ("paused", e.Resumed): "running",
    ("paused", e.RunDone): "completed",
    ("paused", e.RunFailed): "failed",
    ("paused", e.RunCancelled): "cancelled",
    ("failed", e.RunReopened): "running",
}
"""(status, event) -> status."""

_ALIVE: Final[frozenset[RunStatus]] = frozenset({"running", "paused"})

WHILE: Final[Mapping[type, frozenset[RunStatus]]] = {
    e.Owned: frozenset(
        {"pending", "running", "paused", "failed"}
    ),  # a failed run is owned before it is reopened
    e.StepStarted: _ALIVE,
    e.StepDone: _ALIVE,
    e.StepFailed: _ALIVE,
    e.StepSkipped: _ALIVE,
    e.StepCancelled: _ALIVE,
    e.StepReused: _ALIVE,
    e.Opened: _ALIVE,
    e.Signalled: _ALIVE,
    e.Noted: _ALIVE,
    e.CancelAsked: frozenset({"pending", "running", "paused"}),
}
"""Events that leave a run's status alone -> the statuses in which they may come."""

STEP: Final[Mapping[tuple[StepStatus, type, str], StepStatus]] = {
    ("waiting", e.StepStarted, ""): "running",  # a retry whose time came
    ("waiting", e.StepDone, ""): "completed",  # a timer, a signal
    ("waiting", e.StepFailed, "final"): "failed",  # a wait that took too long
    ("waiting", e.StepCancelled, ""): "cancelled",
    ("waiting", e.StepReused, ""): "reused",
    ("ready", e.StepStarted, ""): "running",
    ("ready", e.StepCancelled, ""): "cancelled",
    ("ready", e.StepReused, ""): "reused",
    ("running", e.StepDone, ""): "completed",
    ("running", e.StepFailed, "retry"): "waiting",
    ("running", e.StepFailed, "final"): "failed",
    ("running", e.StepCancelled, ""): "cancelled",
}
"""(status, event, "retry" or "final" for a failure) -> status. A skipped step is never asked for: it has no earlier status."""

ATTEMPT: Final[Mapping[tuple[AttemptStatus, type, str], AttemptStatus]] = {
    ("running", e.StepDone, ""): "completed",
    ("running", e.StepFailed, "error"): "failed",
    ("running", e.StepFailed, "timeout"): "timed_out",
    ("running", e.StepFailed, "lost"): "lost",
    ("running", e.StepCancelled, ""): "cancelled",
}
"""(status, event, cause of a failure) -> status."""
