"""The routine front door: objects that send each other messages, wired into flows."""

from penstock.lazily import offered

TYPE_CHECKING = False
if TYPE_CHECKING:
    from penstock.routines.flow import Flow
    from penstock.routines.functions import routine
    from penstock.routines.job_state import ExecutionRecord, JobState
    from penstock.routines.strategies import ErrorHandler, ErrorStrategy
    from penstock.routines.tracker import ExecutionTracker
    from penstock.routines.unit import Routine
    from penstock.routines.wiring import Connection, Event, Slot

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
    "routine",
]

__getattr__ = offered(
    __name__,
    {
        "Connection": ".wiring",
        "ErrorHandler": ".strategies",
        "ErrorStrategy": ".strategies",
        "Event": ".wiring",
        "ExecutionRecord": ".job_state",
        "ExecutionTracker": ".tracker",
        "Flow": ".flow",
        "JobState": ".job_state",
        "Routine": ".unit",
        "Slot": ".wiring",
        "routine": ".functions",
    },
)
