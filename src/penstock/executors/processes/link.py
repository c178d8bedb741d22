"""Messages between a program and its worker process, over a pair of Unix sockets that keep message boundaries.

A message is a header (kind, number of the job, seconds) and bytes. More than 64 KiB travel as an open file: the message stays
small, is sent whole or not at all, and can be taken back whole by whoever holds the other end.
"""

from __future__ import annotations

import os
import sys
from _socket import (  # `socket` itself costs 9 ms
    AF_UNIX,
    CMSG_LEN,
    MSG_DONTWAIT,
    SCM_RIGHTS,
    SHUT_WR,
    SOCK_SEQPACKET,
    SOL_SOCKET,
    socket,
    socketpair,
)
from struct import Struct

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    Message = tuple[int, int, float, bytes]  # kind, job, seconds, body

JOB, QUIET_JOB = 1, 2  # to the worker; what a quiet one prints is captured only
READY, VALUE, FAILED, NOTE, LINES = 3, 4, 5, 6, 7  # from the worker

INLINE = 65_536
_HEADER = Struct("=BQf")
_SIZE = INLINE + _HEADER.size
_FILE = CMSG_LEN(4)


class Link:
    """One end. The program's end never blocks; the worker's does."""

    def __init__(self, end: socket) -> None:
        self._socket = end
        self.fileno = end.fileno
        self.close = end.close

    def send(self, kind: int, job: int, body: bytes, seconds: float = 0.0) -> None:
        """Send one message, whole; raises BlockingIOError where the other side has yet to read what was sent before."""
        header = _HEADER.pack(kind, job, seconds)
        if len(body) <= INLINE:
            self._socket.send(header + body)
        else:
            self._send_as_file(header, body)

    def receive(self) -> Message | None:
        """The next message; None when the other side is gone or has shut down. Raises BlockingIOError if there is none yet."""
        data, ancillary, _, _ = self._socket.recvmsg(_SIZE, _FILE)
        if not data:
            return None
        kind, job, seconds = _HEADER.unpack_from(data)
        body = _contents(ancillary[0][2]) if ancillary else data[_HEADER.size :]
        return kind, job, seconds, body

    def waiting(self) -> Iterator[Message]:
        """What is there now."""
        try:
            while (message := self.receive()) is not None:
                yield message
        except (BlockingIOError, ConnectionResetError):
            return

    def shut_down(self) -> None:
        """Send no more: the other side sees the end when it has read all."""
        self._socket.shutdown(SHUT_WR)

    def _send_as_file(self, header: bytes, body: bytes) -> None:
        file = _open_file()
        try:
            rest = memoryview(body)
            while rest:
                rest = rest[os.write(file, rest) :]
            self._socket.sendmsg([header], [(SOL_SOCKET, SCM_RIGHTS, file.to_bytes(4, sys.byteorder))])
        finally:
            os.close(file)


def link_pair() -> tuple[Link, socket]:
    """The program's end, and the worker's as a bare socket."""
    ours, theirs = socketpair(AF_UNIX, SOCK_SEQPACKET)
    ours.setblocking(False)
    return Link(ours), theirs


def take_back(theirs: socket) -> list[int]:
    """The jobs that the worker has not read, and now never will: the kernel gives a message to one reader only."""
    jobs: list[int] = []
    try:
        while True:
            data, ancillary, _, _ = theirs.recvmsg(_SIZE, _FILE, MSG_DONTWAIT)
            if not data:
                return jobs
            for _, _, file in ancillary:
                os.close(int.from_bytes(file, sys.byteorder))
            jobs.append(_HEADER.unpack_from(data)[1])
    except BlockingIOError:
        return jobs


def _open_file() -> int:
    """A file without a name."""
    if hasattr(os, "memfd_create"):
        return os.memfd_create("penstock")
    import tempfile

    with tempfile.TemporaryFile(buffering=0) as file:
        return os.dup(file.fileno())


def _contents(ancillary: bytes) -> bytes:
    with open(int.from_bytes(ancillary, sys.byteorder), "rb", buffering=0) as file:
        file.seek(0)
        return file.readall()
