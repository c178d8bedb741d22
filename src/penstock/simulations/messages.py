"""What simulated workflows tell the world: messages with a time of their own, in the shape that their receivers know."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

MEASURED: Final = "measured"
"""The topic of the notes that hold figures so far: `{"attempt": 1, "metrics": {...}}`."""

DESTINATION: Final = "epictopic"
FRAME: Final = "stf_gen"
"""The kind that there are many of; all others of the known kinds are promised: none may be lost."""

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


def complete(message: dict[str, Any], always: dict[str, Any], timestamp: str, tick: float) -> dict[str, Any]:
    """A message with every field; what it says itself stands. `always` has all fields, those that never change with values."""
    whole = always | message
    if "timestamp" not in message:
        whole["timestamp"] = timestamp
    if "simulation_tick" not in message:
        whole["simulation_tick"] = tick
    if "state" not in message and (known := STATES.get(whole["msg_type"])) is not None:
        whole["state"], whole["substate"] = known
    return whole
