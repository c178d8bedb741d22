"""What a run tells of itself while it goes on: values by name, of each the newest. Pure.

They are notes of one topic in its log, whose data are the values; one that a scope told carries the scope's name as its step.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from penstock.model import events as e
from penstock.model.state import Run

BULLETIN: Final = "bulletin"


def publish(run: Run, path: str, values: Mapping[str, Any]) -> None:
    """A program tells something; what a scope tells carries its path before each name."""
    _take(run.published, path, values)
    run.news.rare = True
    run.news.said.append(e.Noted(BULLETIN, path[:-1] or None, dict(values)))


def bulletin_of(events: Iterable[e.Event]) -> dict[str, Any]:
    """What a log tells, each name with its newest value."""
    found: dict[str, Any] = {}
    for event in events:
        if type(event) is e.Noted and event.topic == BULLETIN:
            _take(found, "" if event.step is None else f"{event.step}/", event.data)
    return found


def _take(known: dict[str, Any], path: str, values: Mapping[str, Any]) -> None:
    known.update({path + name: value for name, value in values.items()})
