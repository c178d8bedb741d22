"""The routine front door: objects that send each other messages, wired into flows."""

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

_PLACES = {
    "Connection": "wiring",
    "ErrorHandler": "strategies",
    "ErrorStrategy": "strategies",
    "Event": "wiring",
    "ExecutionRecord": "job_state",
    "ExecutionTracker": "tracker",
    "Flow": "flow",
    "JobState": "job_state",
    "Routine": "unit",
    "Slot": "wiring",
    "routine": "functions",
}


def __getattr__(name: str) -> object:
    from importlib import import_module

    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(f"{__name__}.{_PLACES[name]}"), name)
    return value
