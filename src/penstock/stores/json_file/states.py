"""The states of tasks by name, as people read them in the file.

A state that was saved by name is a row of `documents`; of what runs recorded, a task's newest event tells its state. In the
file both stand under "tasks". What is found there and is not what the events tell was saved, or written by hand: it counts.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from penstock.model.changes import Change, Columns, Put, Row
from penstock.stores.json_file.texts import text_of

State = dict[str, Any]
"""`status`, `result`, `error`, `timestamp`, all of them plain JSON."""

PREFIX: Final = "task:"
"""Begins the ids of the documents that hold states."""
STATUS_OF: Final = {
    "step_started": "running",
    "step_done": "completed",
    "step_reused": "completed",
    "step_failed": "failed",
    "step_skipped": "skipped",
    "step_cancelled": "cancelled",
}
"""What the newest event of a step says of its task; a failure that will be tried again says pending."""
STATUSES: Final = frozenset({"pending", *STATUS_OF.values()})


def is_told_by(row: Row) -> bool:
    """Whether an event tells the state of a task."""
    return row.kind in STATUS_OF and row.step is not None and row.item is None


def told(row: Row) -> State:
    """The state that an event tells. A large result is a reference to its blob."""
    body = _fields(row.body)
    again = body.get("retry_at") is not None
    failure = body.get("error")
    why = failure.get("message") if isinstance(failure, dict) else body.get("reason")
    return {
        "status": "pending" if again else STATUS_OF[row.kind],
        "result": body.get("value"),
        "error": None if again else why or None,
        "timestamp": datetime.fromtimestamp(row.at, UTC).isoformat(),
    }


def _fields(body: str) -> dict[str, Any]:
    try:
        fields = json.loads(body)
    except ValueError:
        return {}
    return fields if isinstance(fields, dict) else {}


def checked(state: Any) -> State:
    """A state that was read. Raises ValueError, KeyError, TypeError or AttributeError, as it comes, for what is none."""
    status, error = state["status"].lower(), state["error"]
    if status not in STATUSES:
        raise ValueError(f"status {status!r} of a task is none of {', '.join(sorted(STATUSES))}")
    if error is not None and not isinstance(error, str):
        raise TypeError(f"error {error!r} is no text")
    at = datetime.fromisoformat(state["timestamp"]).isoformat()
    return {"status": status, "result": state["result"], "error": error, "timestamp": at}


def columns_of(state: State) -> dict[str, Any]:
    """The columns of the document that holds a state."""
    at = datetime.fromisoformat(state["timestamp"]).timestamp()
    return {"kind": "task", "data": text_of(state), "created": at, "updated": at}


def document_of(name: str, state: State) -> dict[str, Any]:
    """The whole row."""
    return {"id": PREFIX + name, "version": None, **columns_of(state)}


def saved_in(columns: Columns) -> State | None:
    """The state that a document holds; None if it is another document, or holds more than a state can tell."""
    if columns.get("kind") != "task" or columns.get("version") is not None:
        return None
    try:
        state = checked(json.loads(columns["data"]))
        expected = columns_of(state)
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
    return state if all(columns.get(name) == value for name, value in expected.items()) else None


def saved_by(change: Change) -> tuple[str, State] | None:
    """The task and state, if a change saves just that."""
    if len(change.puts) != 1 or change != Change(puts=change.puts, guards=change.guards):
        return None
    table, key, columns = change.puts[0]
    if table != "documents" or not key.startswith(PREFIX) or columns is None:
        return None
    state = saved_in(columns)
    if state is None or columns.keys() != columns_of(state).keys():
        return None
    return key.removeprefix(PREFIX), state


def saving(name: str, state: State) -> Change:
    """What `saved_by` was told of."""
    return Change(puts=[Put("documents", PREFIX + name, columns_of(state))])


def shown(
    documents: Mapping[str, Columns], newest: Mapping[str, Row]
) -> tuple[dict[str, State], frozenset[str]]:
    """The states to show by task, and the ids of the documents that are shown whole thereby."""
    states = {name: told(row) for name, row in newest.items()}
    whole: dict[str, State] = {}
    for key, columns in documents.items():
        state = saved_in(columns) if key.startswith(PREFIX) else None
        name = key.removeprefix(PREFIX)
        if state is not None and is_newer(columns, newest.get(name)) and states.pop(name, None) != state:
            whole[name] = state
    return {**states, **whole}, frozenset(PREFIX + name for name in whole)


def is_newer(columns: Columns, row: Row | None) -> bool:
    """Whether what was saved counts, not what a run recorded. Times are compared as people read them: to the microsecond."""
    return row is None or bool(columns["created"] >= datetime.fromtimestamp(row.at, UTC).timestamp())
