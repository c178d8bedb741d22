"""Where a STOMP server is and who asks, and how long anything may take. Passwords are never shown."""

from __future__ import annotations

import ssl
from dataclasses import dataclass, field
from typing import NamedTuple


@dataclass(frozen=True)
class Server:
    """A server's address and the caller's account there. `tls` is the context to wrap connections in; without it, none are."""

    host: str
    port: int = 61613
    login: str = ""
    passcode: str = field(default="", repr=False)
    vhost: str = ""
    tls: ssl.SSLContext | None = field(default=None, repr=False)

    def __str__(self) -> str:
        scheme = "stomp" if self.tls is None else "stomp+ssl"
        account = f"{self.login}:***@" if self.login else ""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{scheme}://{account}{host}:{self.port}"


class StompLimits(NamedTuple):
    """How long to wait, in seconds, and how much to keep."""

    timeout: float = 5.0
    """For each: a connection, an answer to CONNECT, a receipt, a server that takes nothing more to take something."""
    heart_beat: float = 10.0
    """How often both sides say that they are there; 0 is never. One that is silent for twice as long has gone."""
    messages: int = 10_000
    """So many messages wait at most,"""
    bytes: int = 64 * 1024 * 1024
    """and so many bytes."""
    first_pause: float = 0.1
    """Before connecting again after the first failure; doubled after each further one, up to"""
    longest_pause: float = 30.0


def destination_of(topic: str, prefix: str) -> str:
    """Where messages to a topic go: one that begins with a slash says so itself."""
    return topic if topic.startswith("/") else prefix + topic
