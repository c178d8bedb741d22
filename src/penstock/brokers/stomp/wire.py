"""A connection's bytes, over TCP or TLS. Every wait ends at its deadline, or when the bell rings.

Times are of `time.monotonic`, in seconds.
"""

from __future__ import annotations

import contextlib
import errno
import os
import select
import socket
import ssl
import threading
import time
from typing import Any, Final

from penstock.brokers.stomp.places import Server
from penstock.errors import BrokerClosed, BrokerUnavailable

_PIECE: Final = 64 * 1024


class Bell:
    """Wakes the thread that waits for a connection; once it was ended, whoever waits is sent away."""

    def __init__(self) -> None:
        self._pair: tuple[socket.socket, socket.socket] | None = None
        self._rung = False
        self._over = threading.Event()

    @property
    def ended(self) -> bool:
        return self._over.is_set()

    def fileno(self) -> int:
        """What becomes readable. From the thread that waits, which is the one to close it, too."""
        if self._pair is None:
            self._pair = socket.socketpair()
            for end in self._pair:
                end.setblocking(False)
        return self._pair[0].fileno()

    def ring(self) -> None:
        """Wake who waits. Many rings may be heard as one."""
        pair = self._pair
        if pair is not None and not self._rung:
            self._rung = True
            with contextlib.suppress(OSError):  # it was closed: nobody waits any more
                pair[1].send(b"!")

    def end(self) -> None:
        """From now on nobody waits."""
        self._over.set()
        self.ring()

    def drain(self) -> None:
        """Hear what was rung for. Whoever rings from here on rings anew; look after this for what there is to do."""
        assert self._pair is not None
        with contextlib.suppress(BlockingIOError):
            self._pair[0].recv(4096)
        self._rung = False

    def rest(self, seconds: float) -> None:
        """Wait so long, or until it was ended."""
        self._over.wait(seconds)

    def close(self) -> None:
        for end in self._pair or ():
            end.close()


class Wire:
    """A socket that never blocks, and the bell that ends a wait for it."""

    def __init__(self, sock: socket.socket, bell: Bell) -> None:
        self._sock = sock
        self._bell = bell
        self._poll = select.poll()
        self._poll.register(bell.fileno(), select.POLLIN)
        self._poll.register(sock.fileno(), select.POLLIN)

    def wait(self, until: float, *, write: bool, read: bool = True) -> bool:
        """Until something can be read or written, the bell rings (both True) or the time is over (False).

        To be called when `read` had nothing: of what TLS has already decrypted the system knows nothing.
        """
        self._poll.modify(
            self._sock.fileno(), (select.POLLOUT if write else 0) | (select.POLLIN if read else 0)
        )
        ready = self._poll.poll(max(0.0, min(until - time.monotonic(), 3600.0)) * 1000)
        if any(fd == self._bell.fileno() for fd, _ in ready):
            self._bell.drain()
        return bool(ready)

    def read(self) -> bytes | None:
        """What came; b"" at the end of the connection, None if nothing is there."""
        try:
            return self._sock.recv(_PIECE)
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return None

    def write(self, data: bytes) -> int:
        """How much of it went out now."""
        try:
            return self._sock.send(data)
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return 0

    def secure(self, server: Server, until: float) -> None:
        """Shake hands over TLS."""
        assert server.tls is not None
        self._sock = server.tls.wrap_socket(
            self._sock, server_hostname=server.host, do_handshake_on_connect=False
        )
        while True:
            try:
                return self._sock.do_handshake()
            except ssl.SSLWantReadError:
                self.demand(server, until, "answered no TLS handshake", write=False)
            except ssl.SSLWantWriteError:
                self.demand(server, until, "took no TLS handshake", write=True)

    def demand(self, server: Server, until: float, otherwise: str, **how: Any) -> None:
        """Wait, and raise BrokerUnavailable if it is in vain, BrokerClosed if the bell was ended."""
        began = time.monotonic()
        if not self.wait(until, **how):
            raise BrokerUnavailable(f"{server} {otherwise} for {time.monotonic() - began:.1f} s")
        if self._bell.ended:
            raise BrokerClosed(f"{server} is no longer wanted")

    def close(self) -> None:
        self._sock.close()


def connected(server: Server, seconds: float, bell: Bell) -> Wire:
    """A connection to a server. Raises BrokerUnavailable after so many seconds."""
    until = time.monotonic() + seconds
    problem: Exception = BrokerUnavailable(f"{server} has no address")
    places = _resolved(server)
    for left, (family, kind, protocol, _, address) in zip(range(len(places), 0, -1), places, strict=True):
        now = time.monotonic()
        try:
            return _connected(
                socket.socket(family, kind, protocol), address, server, now + (until - now) / left, bell
            )
        except (OSError, BrokerUnavailable) as error:
            problem = error
    if isinstance(problem, BrokerUnavailable):
        raise problem
    raise unavailable(server, problem) from problem


def _resolved(server: Server) -> list[Any]:
    try:
        return socket.getaddrinfo(server.host, server.port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise BrokerUnavailable(f"{server} cannot be found: {error}") from error


def _connected(sock: socket.socket, address: Any, server: Server, until: float, bell: Bell) -> Wire:
    wire = Wire(sock, bell)
    try:
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        code = sock.connect_ex(address)
        while code in (errno.EINPROGRESS, errno.EALREADY):
            wire.demand(server, until, "accepted no connection", write=True, read=False)
            code = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) or sock.connect_ex(address)
        if code not in (0, errno.EISCONN):
            raise OSError(code, os.strerror(code))
        if server.tls is not None:
            wire.secure(server, until)
    except BaseException:
        wire.close()
        raise
    return wire


def unavailable(server: Server, error: Exception, what: str = "cannot be reached") -> BrokerUnavailable:
    """What the system says of a connection, as ours."""
    if isinstance(error, ssl.SSLError):
        reason = getattr(error, "verify_message", None) or error.reason or str(error)
        return BrokerUnavailable(f"{server} has no TLS that is trusted: {reason}")
    said = error.strerror if isinstance(error, OSError) and error.strerror else error
    return BrokerUnavailable(f"{server} {what}: {said}")
