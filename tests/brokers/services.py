"""Apache ActiveMQ for tests: found, installed where that is allowed, started on the loopback, ended.

It is Debian's package `activemq`; see `tests.packages`.
"""

from __future__ import annotations

import random
import shutil
import socket
import subprocess
import time
from contextlib import suppress
from pathlib import Path

from penstock.brokers.stomp import Server, StompLimits, StompListener
from penstock.errors import BrokerUnavailable
from tests.packages import need

JARS = Path("/usr/share/activemq/lib")
START_SECONDS = 180
PATIENT = StompLimits(timeout=5.0)


class ActiveMq:
    """An ActiveMQ of its own, which `start` and `stop` may be called for again and again. It keeps messages on disk."""

    def __init__(self, folder: Path, port: int | None = None) -> None:
        self.folder = folder
        self.port = port or free_port()
        self.server = Server("127.0.0.1", self.port)
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Return when it has answered CONNECT."""
        address = f"broker:(stomp://127.0.0.1:{self.port})?useJmx=false&persistent=true&useShutdownHook=true"
        command = [
            *("java", "-Xmx192m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"),
            *(f"-Dactivemq.{name}={self.folder}" for name in ("base", "data")),
            *("-Dactivemq.home=/usr/share/activemq", "-cp", f"{JARS}/*"),
            *("org.apache.activemq.console.command.ShellCommand", "start"),
            f"{address}&dataDirectory={self.folder}/data",
        ]
        with (self.folder / "activemq.log").open("ab") as log:
            self._process = subprocess.Popen(
                command, cwd=self.folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        until = time.monotonic() + START_SECONDS
        while True:
            try:
                StompListener(self.server, limits=PATIENT).close()
            except BrokerUnavailable:
                assert self._process.poll() is None, (self.folder / "activemq.log").read_text()
                assert time.monotonic() < until, "ActiveMQ does not answer"
                time.sleep(0.05)
            else:
                return

    def kill(self) -> None:
        """End it as a power cut would."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(60)
            self._process = None

    def stop(self) -> None:
        """End it in good order."""
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(60)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait(60)
            self._process = None


def need_activemq() -> None:
    """Install ActiveMQ if need be, or skip the test with the reason."""
    java = [] if shutil.which("java") else ["default-jre-headless"]
    need("activemq", *java, is_here=_is_here)


def _is_here() -> bool:
    return (JARS / "activemq-stomp.jar").exists() and shutil.which("java") is not None


def free_port() -> int:
    """A port that nobody has, and that no connection is given by chance: those are usually given others, from 32,768 on."""
    while True:
        port = random.randrange(20_000, 32_000)
        with suppress(OSError), socket.socket() as sock:
            sock.bind(("127.0.0.1", port))
            return port
