"""Messages received from a STOMP broker: for tools and tests. No thread, no buffer, no second connection."""

from __future__ import annotations

import time
from collections import deque

from penstock.brokers.stomp.frames import Frame, encode
from penstock.brokers.stomp.link import Link
from penstock.brokers.stomp.places import Server, StompLimits, destination_of
from penstock.brokers.stomp.session import Refusal
from penstock.brokers.stomp.wire import Bell
from penstock.errors import BrokerClosed, BrokerError, BrokerUnavailable
from penstock.ports import Message

_PROTOCOLS = frozenset({"content-length", "destination", "message-id", "subscription"})


class StompListener:
    """Subscribed to topics as StompBroker sends to them, when it was made. Raises BrokerError when the connection ends.

    What is sent to a topic before that is not heard, nor what is sent while a listener is away.
    """

    def __init__(
        self, server: Server, *topics: str, prefix: str = "/topic/", limits: StompLimits | None = None
    ) -> None:
        self._server = server
        self._prefix = prefix
        self._came: deque[Message] = deque()
        self._bell = Bell()
        limits = limits or StompLimits()
        try:
            self._link = Link(server, limits, self._bell, beats=False)
        except BaseException:
            self._bell.close()
            raise
        try:
            self._subscribe(topics, time.monotonic() + limits.timeout)
        except BaseException:
            self.close()
            raise

    def _subscribe(self, topics: tuple[str, ...], until: float) -> None:
        owed = {str(number) for number in range(len(topics))}
        for number, topic in enumerate(topics):
            headers = {
                "id": str(number),
                "destination": destination_of(topic, self._prefix),
                "receipt": str(number),
            }
            self._link.put(encode(Frame("SUBSCRIBE", headers)))
        while owed:
            for frame in self._turn(until):
                owed.discard(frame.headers.get("receipt-id", ""))
            if owed and time.monotonic() >= until:
                raise BrokerUnavailable(
                    f"{self._server} did not confirm {len(owed)} of {len(topics)} subscriptions"
                )

    def receive(self, seconds: float) -> Message | None:
        """The next message; None if none comes for so many seconds."""
        until = time.monotonic() + seconds
        while not self._came:
            self._turn(until)
            if not self._came and time.monotonic() >= until:
                return None
        return self._came.popleft()

    def _turn(self, until: float) -> list[Frame]:
        if self._bell.ended:
            raise BrokerClosed(f"the listener to {self._server} was closed; make another")
        frames = self._link.turn(until)
        for frame in frames:
            if frame.command == "ERROR":
                raise Refusal(self._server, frame)
        self._came += (self._message(frame) for frame in frames if frame.command == "MESSAGE")
        return frames

    def _message(self, frame: Frame) -> Message:
        if "destination" not in frame.headers:
            raise BrokerError(f"{self._server} sent a message without a destination")
        headers = {name: text for name, text in frame.headers.items() if name not in _PROTOCOLS}
        topic = frame.headers["destination"].removeprefix(self._prefix)
        return Message(topic, frame.body if "content-length" in frame.headers else _text(frame.body), headers)

    def close(self) -> None:
        """End the connection; twice is once."""
        if self._bell.ended:
            return
        self._bell.end()
        self._link.part()
        self._link.close()
        self._bell.close()

    def __enter__(self) -> StompListener:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _text(body: bytes) -> str | bytes:
    try:
        return body.decode()
    except UnicodeDecodeError:
        return body
