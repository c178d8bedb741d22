"""STOMP 1.2 frames to bytes and back. Pure: no socket, no clock.

- A frame is a command, headers and a body up to a NUL; between frames there may be line ends, which are heart-beats.
- Headers are escaped (carriage return, line feed, colon, backslash), but for those of CONNECT and CONNECTED. Of repeated
  headers the first counts.
- With `content-length` the body is so many bytes, else whatever comes before the NUL.
- What another side sends is limited: `HEAD_BYTES` for a frame's command and headers, `body_limit` for its body.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final, NamedTuple

from penstock.errors import BrokerError
from penstock.model.wording import shown

HEAD_BYTES: Final = 64 * 1024
BODY_BYTES: Final = 16 * 1024 * 1024

_PLAIN: Final = frozenset({"CONNECT", "CONNECTED"})
_ESCAPES: Final = str.maketrans({"\\": "\\\\", "\r": "\\r", "\n": "\\n", ":": "\\c"})
_ESCAPED: Final = re.compile(r"\\(.?)", re.DOTALL)
_MEANT: Final = {"\\": "\\", "r": "\r", "n": "\n", "c": ":"}
_BLANK_LINE: Final = re.compile(rb"\n\r?\n")
_COMMAND: Final = re.compile(rb"[A-Z]{0,32}(\r?\n|\r?\Z)")
_LONGEST_COMMAND: Final = 40


class Frame(NamedTuple):
    """One frame."""

    command: str
    headers: Mapping[str, str]
    body: bytes = b""


def encode(frame: Frame) -> bytes:
    """A frame's bytes. `content-length` is written where the headers name it, and where the body holds NUL."""
    headers = dict(frame.headers)
    if "content-length" in headers or b"\0" in frame.body:
        headers["content-length"] = str(len(frame.body))
    escape = frame.command not in _PLAIN
    lines = [frame.command, *(f"{_out(name, escape)}:{_out(text, escape)}" for name, text in headers.items())]
    return "\n".join(lines).encode() + b"\n\n" + frame.body + b"\0"


def _out(text: str, escape: bool) -> str:
    return text.translate(_ESCAPES) if escape else text


class Decoder:
    """Bytes in, in pieces of any size; frames out. Raises BrokerError for what is no STOMP; nothing can be read after that."""

    def __init__(self, *, body_limit: int = BODY_BYTES) -> None:
        self._limit = body_limit
        self._buffer = bytearray()
        self._scanned = 0  # of what the buffer holds, so much was searched in vain
        self._head: tuple[str, dict[str, str]] | None = None

    def feed(self, data: bytes) -> list[Frame]:
        """The frames that are whole now."""
        self._buffer += data
        frames = []
        while (frame := self._next()) is not None:
            frames.append(frame)
        return frames

    @property
    def within(self) -> bool:
        """Whether a frame has begun that is not whole yet."""
        return self._head is not None or bool(self._buffer)

    def _next(self) -> Frame | None:
        if self._head is None:
            self._head = self._read_head()
            if self._head is None:
                return None
        body = self._read_body(self._head[1])
        if body is None:
            return None
        (command, headers), self._head = self._head, None
        return Frame(command, headers, body)

    def _read_head(self) -> tuple[str, dict[str, str]] | None:
        buffer = self._buffer
        if not self._scanned:
            beats = len(buffer) - len(buffer.lstrip(b"\r\n"))
            del buffer[:beats]
        if self._scanned < _LONGEST_COMMAND and not _COMMAND.match(buffer):
            raise BrokerError(f"where a STOMP frame was expected came {shown(bytes(buffer[:40]))}")
        end = _BLANK_LINE.search(buffer, max(0, self._scanned - 2))
        if (len(buffer) if end is None else end.end()) > HEAD_BYTES:
            raise BrokerError(f"the headers of a frame were longer than {HEAD_BYTES:,} bytes")
        if end is None:
            self._scanned = len(buffer)
            return None
        return _head(self._take(end.end()))

    def _read_body(self, headers: Mapping[str, str]) -> bytes | None:
        said = headers.get("content-length")
        length = self._end_of_body() if said is None else _length(said)
        if length is None:
            return None
        if length > self._limit:
            raise BrokerError(f"the body of a frame was longer than {self._limit:,} bytes")
        if len(self._buffer) <= length:
            return None
        if self._buffer[length]:
            raise BrokerError(f"a body with content-length {length} went on after {length} bytes")
        return self._take(length + 1)[:-1]

    def _end_of_body(self) -> int | None:
        found = self._buffer.find(0, self._scanned)
        if found < 0:
            self._scanned = len(self._buffer)
            return None if self._scanned <= self._limit else self._scanned
        return found

    def _take(self, count: int) -> bytes:
        taken = bytes(self._buffer[:count])
        del self._buffer[:count]
        self._scanned = 0
        return taken


def _head(data: bytes) -> tuple[str, dict[str, str]]:
    try:
        command, *lines = data.decode().replace("\r\n", "\n").rstrip("\n").split("\n")
    except UnicodeDecodeError as error:
        raise BrokerError(f"the headers of a frame were no UTF-8: {shown(data)}") from error
    headers: dict[str, str] = {}
    for line in lines:
        name, colon, text = line.partition(":")
        if not colon:
            raise BrokerError(f"{command} came with a header without a colon: {shown(line)}")
        if command not in _PLAIN:
            name, text = _in(name), _in(text)
        headers.setdefault(name, text)
    return command, headers


def _in(text: str) -> str:
    return _ESCAPED.sub(_unescaped, text) if "\\" in text else text


def _unescaped(match: re.Match[str]) -> str:
    try:
        return _MEANT[match[1]]
    except KeyError:
        raise BrokerError(f"a header held {match[0]!r}, which is no escape of STOMP 1.2") from None


def _length(said: str) -> int:
    if not (said.isascii() and said.isdecimal()) or len(said) > 15:
        raise BrokerError(f"a frame came with content-length {shown(said)}, which is no number of bytes")
    return int(said)
