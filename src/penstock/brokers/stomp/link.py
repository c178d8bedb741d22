"""One conversation with a server over one connection: frames go out as it takes them, every silence has its limit."""

from __future__ import annotations

import time
from typing import Final

from penstock.brokers.stomp.frames import Frame, encode
from penstock.brokers.stomp.places import Server, StompLimits
from penstock.brokers.stomp.session import NEVER, Session
from penstock.brokers.stomp.wire import Bell, connected, unavailable
from penstock.errors import BrokerClosed, BrokerUnavailable

_AHEAD: Final = 256 * 1024
_PIECE: Final = 64 * 1024


class Link:
    """Connected, and greeted, when it was made. Raises BrokerError for whatever ends it; then it must be closed."""

    def __init__(self, server: Server, limits: StompLimits, bell: Bell, *, beats: bool = True) -> None:
        self._server = server
        self._limits = limits
        self._bell = bell
        self._wire = connected(server, limits.timeout, bell)
        now = time.monotonic()
        self._session = Session(server, limits, now, beats=beats)
        self._out = bytearray()
        self._moved = now  # when bytes last went out, or began to wait
        self._owes = False  # whether frames are among what is to go out
        self._came = 0  # bytes
        self.emptied = now  # when the last frame had gone out
        try:
            self._greet(now + limits.timeout)
        except BaseException:
            self.close()
            raise

    def _greet(self, until: float) -> None:
        self.put(self._session.hello())
        while not self._session.connected:
            if time.monotonic() >= until:
                raise BrokerUnavailable(
                    f"{self._server} did not answer CONNECT for {self._limits.timeout:g} s"
                )
            self.turn(until)
            if self._bell.ended:
                raise BrokerClosed(f"{self._server} is no longer wanted")

    @property
    def room(self) -> bool:
        """Whether it is worth while to put more."""
        return len(self._out) < _AHEAD

    @property
    def unsent(self) -> bool:
        return bool(self._out)

    def put(self, frame: bytes) -> None:
        """Have a frame sent with the next turns."""
        if not self._out:
            self._moved = time.monotonic()
        self._out += frame
        self._owes = True

    def turn(self, until: float) -> list[Frame]:
        """Send and receive what can be. If nothing came or was sent, wait until then at most, or until the bell rings."""
        before = self._came, self._owes
        try:
            frames = self._exchange()
            if (self._came, self._owes) == before:
                limit = self._moved + self._limits.timeout + 0.001 if self._out else NEVER
                self._wire.wait(min(until, limit, self._session.next_at), write=bool(self._out))
                frames = self._exchange()
        except OSError as error:
            raise unavailable(self._server, error, "broke the connection") from error
        return frames

    def _exchange(self) -> list[Frame]:
        """The frames that came; a connection that breaks is told of only when nothing more comes from it."""
        frames = self._pull()
        now = time.monotonic()
        self._out += self._session.beat(now)
        try:
            self._push(now)
        except OSError:
            frames = frames or self._pull()
            if not frames:
                raise
        return frames

    def _push(self, now: float) -> None:
        while self._out:
            written = self._wire.write(bytes(self._out[:_PIECE]))
            if not written:
                break
            del self._out[:written]
            self._moved = now
            self._session.wrote(now)
        if not self._out:
            self.emptied = now if self._owes else self.emptied
            self._owes = False
        elif now - self._moved > self._limits.timeout:
            raise BrokerUnavailable(
                f"{self._server} took nothing of what was sent to it for {now - self._moved:.1f} s"
            )

    def _pull(self) -> list[Frame]:
        data = self._wire.read()
        if data is None:
            return []
        if not data:
            raise self._session.ended()
        self._came += len(data)
        return self._session.came(data, time.monotonic())

    def part(self) -> None:
        """Say good-bye, if the server takes it now."""
        self.put(encode(Frame("DISCONNECT", {})))
        try:
            self._push(time.monotonic())
        except (OSError, BrokerUnavailable):
            return

    def close(self) -> None:
        self._wire.close()

    def __enter__(self) -> Link:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
