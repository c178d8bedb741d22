"""The client's side of a STOMP conversation, as a state machine: told what came and what time it is, it says what follows.

Pure: time is handed in (seconds that only go forward), bytes are given back. After an error nothing more is to be had from it.
"""

from __future__ import annotations

from typing import Final

from penstock.brokers.stomp.frames import BODY_BYTES, Decoder, Frame, encode
from penstock.brokers.stomp.places import Server, StompLimits
from penstock.errors import BrokerError, BrokerUnavailable
from penstock.model.wording import shown

NEVER: Final = float("inf")
GRACE: Final = 2.0
"""A side that is silent for so many times the interval it agreed to has gone."""


class Session:
    """One conversation: `connected` once the server has greeted."""

    def __init__(self, server: Server, limits: StompLimits, now: float, *, beats: bool = True) -> None:
        self._server = server
        self._limits = limits
        self._decoder = Decoder(body_limit=BODY_BYTES)
        self._beats = beats
        self._send_every = self._hear_every = NEVER
        self._wrote = self._heard = now
        self.connected = False

    def hello(self) -> bytes:
        """The first frame."""
        every = round(self._limits.heart_beat * 1000)
        headers = {
            "accept-version": "1.2",
            "host": self._server.vhost or self._server.host,
            "heart-beat": f"{every if self._beats else 0},{every}",
        }
        if self._server.login:
            headers["login"] = self._server.login
        if self._server.passcode:
            headers["passcode"] = self._server.passcode
        return encode(Frame("CONNECT", headers))

    def wrote(self, now: float) -> None:
        """Something was written, which is as good as a heart-beat."""
        self._wrote = now

    def came(self, data: bytes, now: float) -> list[Frame]:
        """Receipts, messages and errors that came. Raises BrokerError for other talk, and if the greeting was refused."""
        self._heard = now
        return [frame for frame in self._decoder.feed(data) if self._is_for_owner(frame)]

    def ended(self) -> BrokerUnavailable:
        """The server closed the connection: what to say of that."""
        if self._decoder.within:
            return BrokerUnavailable(f"{self._server} closed the connection in the middle of a frame")
        when = "" if self.connected else " before it answered CONNECT"
        return BrokerUnavailable(f"{self._server} closed the connection{when}")

    def beat(self, now: float) -> bytes:
        """A heart-beat, if it is time for one. Raises BrokerUnavailable if the server has been silent for too long."""
        if now - self._heard > self._hear_every * GRACE:
            raise BrokerUnavailable(
                f"{self._server} was silent for {now - self._heard:.1f} s, though it agreed to a heart-beat every "
                f"{self._hear_every:g} s"
            )
        return b"\n" if now - self._wrote >= self._send_every else b""

    @property
    def next_at(self) -> float:
        """When `beat` will have something to say, at the latest."""
        return min(self._wrote + self._send_every, self._heard + self._hear_every * GRACE + 0.001)

    def _is_for_owner(self, frame: Frame) -> bool:
        match frame.command:
            case "CONNECTED" if not self.connected:
                self._greeted(frame)
                return False
            case "ERROR" if not self.connected:
                raise Refusal(self._server, frame)
            case "RECEIPT" | "MESSAGE" | "ERROR" if self.connected:
                return True
        when = "twice" if frame.command == "CONNECTED" else "" if self.connected else "before CONNECTED"
        raise BrokerError(
            f"{self._server} sent {frame.command} {when}".rstrip() + ", which no STOMP server does"
        )

    def _greeted(self, frame: Frame) -> None:
        version = frame.headers.get("version", "1.0")
        if version != "1.2":
            raise BrokerError(f"{self._server} speaks STOMP {shown(version)}; 1.2 is needed")
        theirs, ours = _heart_beat(frame.headers.get("heart-beat", "0,0"), self._server)
        mine = self._limits.heart_beat
        if mine and theirs:
            self._hear_every = max(mine, theirs)
        if mine and ours and self._beats:
            self._send_every = max(mine, ours) * 0.8  # early, since it takes time to get there
        self.connected = True


class Refusal(BrokerError):
    """An ERROR frame; `receipt` names the frame that was refused, where the server says so."""

    def __init__(self, server: Server, frame: Frame) -> None:
        said = (
            frame.headers.get("message") or frame.body.decode(errors="replace").strip() or "no reason given"
        )
        super().__init__(f"{server} refused: {said[:500]}")
        self.receipt = frame.headers.get("receipt-id")


def _heart_beat(text: str, server: Server) -> tuple[float, float]:
    """How often, in seconds, the server can send and wants to hear; 0 is never."""
    parts = text.split(",")
    if len(parts) != 2 or not all(part.isascii() and part.isdecimal() and len(part) < 10 for part in parts):
        raise BrokerError(f"{server} sent heart-beat {shown(text)}, which is not two numbers of milliseconds")
    return int(parts[0]) / 1000, int(parts[1]) / 1000
