"""Messages on their way to who listens: subscribers of the event bus in this process, and the broker that the settings name."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any
from weakref import WeakSet

from penstock.model import events as e
from penstock.model.published import is_published, published_in

if TYPE_CHECKING:
    from penstock.app import Engine

BUS = "penstock.observe.bus"
"""Loaded once somebody asks for it."""

_attended: WeakSet[Engine] = WeakSet()


class Bulletin:
    """Tells the event bus what simulations on an engine publish. See Observer."""

    def recorded(self, run: str, workflow: str, sequence: int, at: float, event: e.Event) -> None:
        """See Observer.recorded."""
        if BUS in sys.modules and is_published(event):
            tell_bus(published_in(event))


def attend(engine: Engine) -> None:
    """Have the messages of simulations on this engine told to the event bus; the broker, engines see to by themselves."""
    if engine not in _attended:
        _attended.add(engine)
        engine.observers.append(Bulletin())


def tell_bus(messages: Iterable[Mapping[str, Any]]) -> None:
    """Publish messages on the event bus, each as an event of the message's type; nothing if nobody has asked for a bus."""
    observe = sys.modules.get(BUS)
    if observe is not None:
        for each in messages:
            message = each["message"]
            observe.event_bus.publish(
                {"type": message["msg_type"], "destination": each["destination"], **message}
            )


def tell_all(messages: list[dict[str, Any]]) -> None:
    """Tell the bus and the broker of messages that are in no run's log."""
    from penstock.app.publishing import Publisher

    tell_bus(messages)
    Publisher().send(messages)
