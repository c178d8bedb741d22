"""What steps publish goes to a broker, once it is in their run's log."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from penstock.app.brokers import shared_broker
from penstock.errors import BrokerError
from penstock.model import events as e
from penstock.model.published import is_published, published_in
from penstock.ports import Broker

HEADERS = ("msg_type", "namespace", "execution_id", "run_id")
"""Fields of a message that receivers may select by."""


class Publisher:
    """Sends messages to a broker, left out the one that the settings name. See Observer.

    A run waits for no broker: what cannot be sent is logged when it begins and counted as `lost`.
    """

    def __init__(self, broker: Broker | None = None) -> None:
        self._broker = broker
        self.lost = 0

    def recorded(self, run: str, workflow: str, sequence: int, at: float, event: e.Event) -> None:
        """See Observer.recorded."""
        if is_published(event) and (self._broker or shared_broker()) is not None:
            self.send(published_in(event))

    def send(self, messages: Iterable[Mapping[str, Any]]) -> None:
        """Send messages, in order."""
        broker = self._broker or shared_broker()
        if broker is not None:
            for each in messages:
                self._send(broker, each)

    def _send(self, broker: Broker, each: Mapping[str, Any]) -> None:
        body = msgspec.json.encode(each["message"], enc_hook=str).decode()
        headers = headers_of(each["message"])
        try:
            sent = broker.send(each["destination"], body, headers, promised=bool(each.get("promised")))
        except BrokerError as error:
            self._lose(broker, str(error))
        else:
            if not sent:
                self._lose(broker, "there is no room for more")

    def _lose(self, broker: Broker, why: str) -> None:
        if not self.lost:
            logging.getLogger("penstock").warning("messages cannot be sent to %s: %s", broker.url, why)
        self.lost += 1


def headers_of(message: Mapping[str, Any]) -> dict[str, str]:
    """The headers that a message is sent with."""
    return {name: str(message[name]) for name in HEADERS if message.get(name) is not None}
