"""FlowForge's names on Penstock: `penstock.routines`, module by module."""

from penstock.routines import (
    Connection,
    ErrorHandler,
    ErrorStrategy,
    Event,
    ExecutionRecord,
    ExecutionTracker,
    Flow,
    JobState,
    Routine,
    Slot,
)
from penstock_compat import step_back

__all__ = [
    "Connection",
    "ErrorHandler",
    "ErrorStrategy",
    "Event",
    "ExecutionRecord",
    "ExecutionTracker",
    "Flow",
    "JobState",
    "Routine",
    "Slot",
]

step_back(__name__)
