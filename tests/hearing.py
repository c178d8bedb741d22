"""A subscriber of the event bus that remembers. The bus moves a handler that a garbage collection held up to a thread of its
own, so whoever looks at what was heard waits until all of it was handled."""

from __future__ import annotations

from collections import UserList
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from penstock.observe import event_bus


class Heard(UserList[dict[str, Any]]):
    """Events in the order in which they were heard."""

    def __init__(self, heard: Iterable[dict[str, Any]] = ()) -> None:
        self._heard = list(heard)

    @property
    def data(self) -> list[dict[str, Any]]:  # type: ignore[override]
        assert event_bus.flush(20.0)
        return self._heard

    def hear(self, event: dict[str, Any]) -> None:
        self._heard.append(event)


@contextmanager
def hearing(kind: str = "*") -> Iterator[Heard]:
    """What subscribers to that kind of event are told meanwhile."""
    heard = Heard()
    event_bus.subscribe(kind, heard.hear)
    try:
        yield heard
        event_bus.flush(20.0)
    finally:
        event_bus.unsubscribe(kind, heard.hear)
