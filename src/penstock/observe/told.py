"""What is told of a unit of work: one fact, as an object that costs little, and as the flat dict that subscribers are given."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from penstock.model.subjects import Group, Subject

STARTED: Final = "process.started"
COMPLETED: Final = "process.completed"
FAILED: Final = "process.failed"
CANCELLED: Final = "process.cancelled"
GROUP_STARTED: Final = "process.group_started"
GROUP_COMPLETED: Final = "process.group_completed"

STATUS: Final = {
    STARTED: "running",
    COMPLETED: "completed",
    FAILED: "failed",
    CANCELLED: "cancelled",
    GROUP_STARTED: "running",
    GROUP_COMPLETED: "completed",
}


class Told(msgspec.Struct, frozen=True, eq=False, gc=False):
    """A fact about a unit of a run: event `sequence` of its log, at wall time `at`, brought it about.

    `path` is the unit's place in the run ("" is the run), `clock` a reading of the monotonic clock, `began` the fact that it
    started where that was told, `seconds` how long it took, `error` what was wrong. Of a group, `subject` is the unit that the
    group belongs to.
    """

    type: str
    run: str
    path: str
    sequence: int
    at: float
    clock: float
    subject: Subject
    began: Told | None = None
    seconds: float | None = None
    error: str | None = None
    group: Group | None = None


Sink = Callable[[Told], object]
"""Takes what is told, in order for each run, from any thread; it raises nothing and is quick."""


_second: tuple[int, str] = (-1, "")  # the last one that was written, and how


def _written(at: float) -> str:
    """ISO 8601 in UTC, without its +00:00. Most facts are of the second of the one before."""
    global _second  # noqa: PLW0603 - whoever is quicker: both are right
    second, micro = int(at), round(at % 1 * 1_000_000)
    if not 0 < micro < 1_000_000:
        return datetime.fromtimestamp(at, UTC).isoformat()[:-6]
    known, text = _second
    if known != second:
        text = datetime.fromtimestamp(second, UTC).isoformat()[:-6]
        _second = second, text
    return f"{text}.{micro:06}"


def event_of(told: Told) -> dict[str, Any]:
    """The flat dict that subscribers are given; its time is UTC without saying so."""
    subject = told.subject
    event: dict[str, Any] = {
        "type": told.type,
        "process_id": subject.id,
        "process_name": subject.name,
        "process_class": subject.kind,
        "timestamp": _written(told.at),
        "status": STATUS[told.type],
    }
    if told.seconds is not None:
        event["execution_time_ms"] = told.seconds * 1000
    if told.error is not None:
        event["error"] = told.error
    if told.group is not None:
        event["group_index"] = told.group.number
        event["group_size"] = told.group.size
        event["execution_mode"] = told.group.mode
    return event
