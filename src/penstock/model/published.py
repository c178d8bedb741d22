"""Messages that a step publishes while it goes on: notes of one topic in its run's log. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from penstock.model import events as e

PUBLISHED: Final = "published"
"""The topic. Such a note's data are `{"attempt": 1, "messages": [...]}`.

A message is `{"destination": "orders", "message": {...}}`, with `"promised": True` if none may be lost.
"""


def published_in(event: e.Event) -> Sequence[Mapping[str, Any]]:
    """The messages that an event tells of, in order."""
    if isinstance(event, e.Noted) and event.topic == PUBLISHED:
        found: Sequence[Mapping[str, Any]] = event.data["messages"]
        return found
    return ()
