"""A STOMP server in a few lines, for what no real one does on demand: each connection follows a script.

It is no measure of anything: tests/brokers/test_activemq.py has that.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator

from penstock.brokers.stomp import Server
from penstock.brokers.stomp.frames import Decoder, Frame, encode
from penstock.ports import Message

PATIENCE_SECONDS = 60.0


class Ended(Exception):
    """The other side closed the connection, or the server is being closed."""


class Connection:
    """One client, as a script sees it."""

    def __init__(self, server: SmallServer, sock: socket.socket) -> None:
        self.server = server
        self.sock = sock
        self._decoder = Decoder()
        self._frames: list[Frame] = []

    def frame(self) -> Frame:
        """The client's next frame."""
        while not self._frames:
            data = self.sock.recv(65536)
            if not data:
                raise Ended
            self.server.bytes_seen += data
            self._frames += self._decoder.feed(data)
        return self._frames.pop(0)

    def say(self, command: str, body: bytes = b"", **headers: str) -> None:
        """Send a frame; an underscore in a header's name stands for a dash."""
        self.sock.sendall(
            encode(Frame(command, {name.replace("_", "-"): text for name, text in headers.items()}, body))
        )

    def greet(self, heart_beat: str = "0,0") -> Frame:
        """Answer CONNECT, which it returns."""
        hello = self.frame()
        self.say("CONNECTED", version="1.2", heart_beat=heart_beat)
        return hello

    def take(self, refused: bytes | None = None) -> Frame:
        """A frame: the server keeps what was sent by it, and gives the receipt that was asked for."""
        frame = self.frame()
        if frame.body == refused:
            return frame
        if frame.command == "SEND":
            self.server.keep(frame)
        if "receipt" in frame.headers:
            self.say("RECEIPT", receipt_id=frame.headers["receipt"])
        return frame

    def linger(self) -> None:
        """Do nothing more until the client has gone or the server is closed."""
        self.server.over.wait(PATIENCE_SECONDS)


Script = Callable[[Connection], None]


def serve(connection: Connection) -> None:
    """What a server should do."""
    connection.greet()
    while connection.take().command != "DISCONNECT":
        pass


class SmallServer:
    """Listens on the loopback. The first connection follows the first script, and so on; the last script is for all others."""

    def __init__(self, *scripts: Script, port: int = 0, tls: ssl.SSLContext | None = None) -> None:
        self.over = threading.Event()
        self.bytes_seen = b""
        self.hellos = 0
        self._scripts = list(scripts) or [serve]
        self._tls = tls
        self._arrived: list[Message] = []
        self._changed = threading.Condition()
        self._socks: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self._listening = socket.create_server(("127.0.0.1", port))
        self.port = int(self._listening.getsockname()[1])
        self.server = Server("127.0.0.1", self.port)
        self._begin(self._accept)

    def keep(self, frame: Frame) -> None:
        body = frame.body if "content-length" in frame.headers else frame.body.decode()
        with self._changed:
            self._arrived.append(Message(frame.headers["destination"], body, frame.headers))
            self._changed.notify_all()

    def arrived(self, count: int) -> list[Message]:
        """What was sent to it, once there are `count` messages or they are overdue."""
        with self._changed:
            self._changed.wait_for(lambda: len(self._arrived) >= count, PATIENCE_SECONDS)
            return list(self._arrived)

    def connections(self, count: int) -> int:
        """How many clients came, once there are so many or they are overdue."""
        with self._changed:
            self._changed.wait_for(lambda: self.hellos >= count, PATIENCE_SECONDS)
            return self.hellos

    def _accept(self) -> None:
        while True:
            try:
                sock, _ = self._listening.accept()
            except OSError:
                return
            with self._changed:
                self._socks.append(sock)
                script = self._scripts[min(self.hellos, len(self._scripts) - 1)]
                self.hellos += 1
                self._changed.notify_all()
            self._begin(self._follow, script, sock)

    def _follow(self, script: Script, sock: socket.socket) -> None:
        with contextlib.suppress(OSError, Ended), contextlib.closing(sock):
            if self._tls is None:
                script(Connection(self, sock))
            else:
                with self._tls.wrap_socket(sock, server_side=True) as secured:
                    script(Connection(self, secured))

    def _begin(self, work: Callable[..., None], *args: object) -> None:
        thread = threading.Thread(target=work, args=args, name="small-server", daemon=True)
        self._threads.append(thread)
        thread.start()

    def close(self) -> None:
        self.over.set()
        with contextlib.suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        for sock in list(self._socks):
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(PATIENCE_SECONDS)


@contextlib.contextmanager
def serving(*scripts: Script, **how: object) -> Iterator[SmallServer]:
    server = SmallServer(*scripts, **how)  # type: ignore[arg-type]
    try:
        yield server
    finally:
        server.close()


def until(is_so: Callable[[], bool]) -> None:
    """Wait until something is so."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not is_so():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.002)
