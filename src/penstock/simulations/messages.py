"""What simulated workflows tell the world: messages with a time of their own, in the shape that their receivers know."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

PUBLISHED: Final = "published"
"""The topic of the notes in a run's log that hold messages: `{"attempt": 1, "messages": [...]}`."""

MEASURED: Final = "measured"
"""The topic of the notes that hold figures so far: `{"attempt": 1, "metrics": {...}}`."""

DESTINATION: Final = "epictopic"

STATES: Final[Mapping[str, tuple[str, str]]] = {
    "run_imminent": ("beam", "not_ready"),
    "start_run": ("run", "physics"),
    "stf_gen": ("run", "physics"),
    "pause_run": ("run", "standby"),
    "resume_run": ("run", "physics"),
    "end_run": ("beam", "not_ready"),
}
"""State and substate that each kind of message announces."""

FIELDS: Final = (
    "msg_type",
    "namespace",
    "execution_id",
    "run_id",
    "timestamp",
    "simulation_tick",
    "state",
    "substate",
)
"""What every message has."""


def complete(message: Mapping[str, Any], known: Mapping[str, Any]) -> dict[str, Any]:
    """A message with every field; what it says itself stands."""
    whole = dict.fromkeys(FIELDS) | dict(known) | dict(message)
    kind = str(whole["msg_type"])
    if kind in STATES and "state" not in message:
        whole["state"], whole["substate"] = STATES[kind]
    return whole
