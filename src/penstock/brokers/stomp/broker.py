"""Messages published to a STOMP broker, from a buffer, by a thread that lives from the first message to `close`.

- `send` puts into the buffer (`outbox`) and waits for nothing. One thread connects, writes, and connects again after a pause
  that doubles up to a limit; nothing that the other side does or leaves undone holds it up longer than `StompLimits.timeout`.
- A promised message asks the server for a receipt and bears `persistent:true`, so that a queue of a broker that keeps its
  messages on a disk keeps it over a restart. Others ask for a receipt now and then, and whenever nothing more waits.
- Text goes without `content-length`: ActiveMQ hands on as text what came without, and as bytes what came with.
"""

from __future__ import annotations

import logging
import os
import random
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any, Final

from penstock.brokers.messages import checked
from penstock.brokers.stomp.frames import Frame, encode
from penstock.brokers.stomp.link import Link
from penstock.brokers.stomp.outbox import Outbox
from penstock.brokers.stomp.places import Server, StompLimits, destination_of
from penstock.brokers.stomp.session import NEVER, Refusal
from penstock.brokers.stomp.wire import Bell
from penstock.errors import BrokerClosed, BrokerError, BrokerFull, BrokerUnavailable

RESERVED: Final = frozenset(
    {"content-length", "destination", "message-id", "receipt", "subscription", "transaction"}
)
TRIES: Final = 3
"""So often a promised message is sent alone to a server that answers with an error and names none; then it is given up."""
_JOIN_SECONDS: Final = 1.0
_log = logging.getLogger("penstock")


class StompBroker:
    """Publishes to destinations `prefix` + topic; a topic that begins with a slash is a destination as it stands.

    See Broker, and StompLimits for how long and how much.

    `jitter` draws from 0 to 1: so much of half a pause is left out, lest all clients of a broker come back at one moment.
    """

    def __init__(
        self,
        server: Server,
        *,
        prefix: str = "/topic/",
        limits: StompLimits | None = None,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self.server = server
        self.prefix = prefix
        self.url = f"{server}{prefix}"
        self._limits = limits or StompLimits()
        self._jitter = jitter
        self._outbox = Outbox(self._limits.messages, self._limits.bytes)
        self._changed = threading.Condition()  # guards all below, and the outbox
        self._bell = Bell()
        self._process = os.getpid()
        self._thread: threading.Thread | None = None
        self._closed = self._connected = False
        self._failures = 0  # since something went well
        self._error: str | None = None
        self._asked = NEVER  # since when a receipt is owed to us
        self._blamed = 0  # the number of a message that may be at fault for errors,
        self._blames = 0  # and how often

    # What anybody may call

    def send(
        self,
        topic: str,
        body: str | bytes,
        headers: Mapping[str, str] | None = None,
        *,
        promised: bool = False,
    ) -> bool:
        """See Broker.send."""
        self._check_process()
        message = checked(topic, body, headers, reserved=RESERVED)
        destination = destination_of(message.topic, self.prefix)
        frame = _frame(destination, message.body, message.headers, promised)
        with self._changed:
            self._check_open()
            lost = self._outbox.lost
            taken = self._outbox.put(frame, promised)
            if self._outbox.lost > lost:
                self._changed.notify_all()
            if taken is None:
                why = f": {self._error}" if self._error else ""
                raise BrokerFull(
                    f"a message to {topic!r} was not taken: {_messages(self._outbox.waiting)} for {self.url}{why}"
                )
            self._wake()
        return taken

    def flush(self, seconds: float) -> None:
        """See Broker.flush."""
        self._check_process()
        with self._changed:
            self._check_open()
            last, lost = self._outbox.last, self._outbox.lost
            self._wake()
            settled = self._changed.wait_for(
                lambda: self._closed or self._outbox.lost > lost or self._outbox.settled(last), seconds
            )
            why = self._error or "it has not confirmed them"
            if self._outbox.lost > lost:
                raise BrokerUnavailable(
                    f"{self._outbox.lost - lost} messages to {self.url} were lost meanwhile, or may be: {why}"
                )
            self._check_open()
            if not settled:
                raise BrokerUnavailable(
                    f"{_messages(self._outbox.waiting)} for {self.url} after {seconds:g} s: {why}"
                )

    def health(self) -> dict[str, Any]:
        """See Broker.health."""
        outbox = self._outbox
        return {
            "connected": self._connected,
            "waiting": outbox.waiting,
            "confirmed": outbox.confirmed,
            "dropped": outbox.dropped,
            "doubtful": outbox.doubtful,
            "refused": outbox.refused,
            "error": self._error,
        }

    def close(self, seconds: float = 5.0) -> None:
        """See Broker.close."""
        if self._closed or self._process != os.getpid():
            return
        with self._changed:
            self._wake()
            self._changed.wait_for(lambda: self._closed or not self._outbox.waiting, seconds)
            first, self._closed = not self._closed, True
            left, why = self._outbox.waiting, self._error or "it has not confirmed them"
            self._changed.notify_all()
        self._bell.end()
        if first and left:
            _log.warning("%s for %s, which is closed: %s", _messages(left), self.url, why)
        if first and self._thread is not None:
            self._thread.join(_JOIN_SECONDS)

    def __enter__(self) -> StompBroker:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _check_process(self) -> None:
        """Before its lock is touched, which may be held for ever in a forked child."""
        if self._process != os.getpid():
            raise BrokerClosed(f"{self.url} was opened by process {self._process}: open it anew in this one")

    def _check_open(self) -> None:
        if self._closed:
            raise BrokerClosed(f"{self.url} was closed; open another")

    def _wake(self) -> None:
        if self._thread is None and self._outbox.waiting:
            thread = threading.Thread(target=self._serve, name="penstock-stomp", daemon=True)
            thread.start()
            self._thread = thread
        self._bell.ring()

    # What its thread does

    def _serve(self) -> None:
        while not self._bell.ended:
            try:
                with Link(self.server, self._limits, self._bell) as link:
                    self._converse(link)
            except BrokerClosed:
                pass  # what the loop ends with: somebody closed it while it was being served
            except Exception as error:  # whatever it is, messages wait for the next connection
                self._failed(error)
                self._bell.rest(self._pause())
        with self._changed:
            self._lose()
        self._bell.close()

    def _converse(self, link: Link) -> None:
        if self._error is not None:
            _log.info("%s answers again", self.server)
        with self._changed:
            self._connected, self._error, self._asked = True, None, NEVER
            if not self._outbox.waiting:
                self._failures = 0
        while not self._bell.ended:
            self._load(link)
            for frame in link.turn(self._receipt_until(link)):
                self._heed(frame)
            self._check_receipts(link)
        link.part()

    def _load(self, link: Link) -> None:
        """Give the connection what waits, as long as it takes it."""
        with self._changed:
            while link.room and (taken := self._outbox.take()) is not None:
                entry, ask = taken
                if ask:
                    self._asked = min(self._asked, time.monotonic())
                link.put(b"SEND\nreceipt:%d%s" % (entry.number, entry.frame[4:]) if ask else entry.frame)

    def _heed(self, frame: Frame) -> None:
        if frame.command == "ERROR":
            raise Refusal(self.server, frame)
        if frame.command == "RECEIPT":
            with self._changed:
                self._outbox.confirm(_number(frame.headers.get("receipt-id")))
                self._asked = time.monotonic() if self._outbox.flying else NEVER
                self._failures = 0
                self._changed.notify_all()

    def _receipt_until(self, link: Link) -> float:
        """When a receipt is overdue. While frames still go out the time does not run: the link has an eye on that."""
        if self._asked == NEVER or link.unsent:
            return NEVER
        return max(self._asked, link.emptied) + self._limits.timeout

    def _check_receipts(self, link: Link) -> None:
        if time.monotonic() > self._receipt_until(link):
            raise BrokerUnavailable(
                f"{self.server} confirmed nothing of what it was sent for {self._limits.timeout:g} s"
            )

    def _failed(self, error: Exception) -> None:
        ours = isinstance(error, BrokerError)
        said = str(error) if ours else f"{self.server} was left for a fault: {type(error).__name__}: {error}"
        with self._changed:
            if isinstance(error, Refusal):
                self._outbox.refuse(_number(error.receipt) or self._to_blame())
            if said != self._error:
                _log.warning("%s", said, exc_info=None if ours else error)
            self._error = said
            self._failures += 1
            self._lose()

    def _to_blame(self) -> int:
        """The message that an error is about, though it does not say so; 0 while that is not certain."""
        number = self._outbox.alone
        self._blames = self._blames + 1 if number == self._blamed else 1
        self._blamed = number
        return number if self._blames >= TRIES else 0

    def _lose(self) -> None:
        self._connected = False
        self._outbox.lose()
        self._changed.notify_all()

    def _pause(self) -> float:
        whole = self._limits.first_pause * 2.0 ** min(self._failures - 1, 30)
        return min(whole, self._limits.longest_pause) * (1 - self._jitter() / 2)


def _frame(destination: str, body: str | bytes, headers: Mapping[str, str], promised: bool) -> bytes:
    said = {"destination": destination, **headers}
    if promised:
        said["persistent"] = "true"
    if isinstance(body, str):
        return encode(Frame("SEND", said, body.encode()))
    return encode(Frame("SEND", {**said, "content-length": ""}, body))


def _messages(count: int) -> str:
    return "1 message waits" if count == 1 else f"{count} messages wait"


def _number(text: str | None) -> int:
    return int(text) if text is not None and text.isascii() and text.isdecimal() else 0
