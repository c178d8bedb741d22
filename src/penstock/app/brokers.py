"""Where messages go: addresses of brokers, and the broker that the settings name. No password is ever shown.

- `stomp://LOGIN:PASSCODE@HOST:PORT/PREFIX` and `stomp+ssl://…`. Characters of a login or passcode that mean something in an
  address are written %40 and so on. The prefix is put before each topic: `/topic/` if there is none; `/queue` stands for
  `/queue/`, and what is longer, such as `/topic/lab`, for `/topic/lab.`, unless it ends in a sign of its own.
- Options, as `?vhost=…&timeout=2`: `vhost`, `timeout` and `heart_beat` (seconds), and `ca`, the file of the certificates
  to trust.
- `jsonl:PATH` is a file that messages are recorded in, a line each.
"""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from penstock.app import settings
from penstock.app.addresses import make_folder
from penstock.errors import SettingsError
from penstock.model.wording import guess
from penstock.ports import Broker

if TYPE_CHECKING:
    import ssl

    from penstock.brokers.stomp import Server, StompLimits, StompListener

KINDS: Final = ("jsonl", "stomp", "stomp+ssl")
OPTIONS: Final = ("ca", "heart_beat", "timeout", "vhost")
_PORTS: Final = {"stomp": 61613, "stomp+ssl": 61614}
_HOST: Final = re.compile(r"(?P<host>\[[0-9a-fA-F:.%]+\]|[^\[\]:/\s]+)(:(?P<port>\d{1,5}))?")
_SECRET: Final = re.compile(r"^([a-z+]+://|stomp:)?.*@", re.DOTALL)

_shared: dict[int, Broker | None] = {}  # by process: a forked one opens its own
_lock = threading.Lock()


def broker_at(address: str | None = None, *, tls: ssl.SSLContext | None = None) -> Broker | None:
    """The broker at an address: close it, or use it in a `with` block. Left out, the one that the settings name, if any.

    `tls` is the context of a `stomp+ssl` address; without it, the system's certificates are trusted, or those of `ca`.
    Raises SettingsError for what means nothing. Whether anybody is there is seen when something is sent.
    """
    if address is not None:
        return _broker(address, Path(), tls)
    found = settings.found("broker")
    if found.value is None:
        return None
    try:
        return _broker(found.value, found.folder or Path(), tls)
    except SettingsError as error:
        raise SettingsError(f"{error} ({found.place})") from error


def listener_at(address: str, *topics: str, tls: ssl.SSLContext | None = None) -> StompListener:
    """Subscribed to topics of a STOMP broker: see StompListener. Raises SettingsError, or BrokerError if nobody is there."""
    from penstock.brokers.stomp import StompListener

    place = _stomp(address, tls)
    return StompListener(place.server, *topics, prefix=place.prefix, limits=place.limits)


def shared_broker() -> Broker | None:
    """The broker that the settings name, opened once a process and closed at its end; None if they name none."""
    process = os.getpid()
    with _lock:
        if process not in _shared:
            _shared.clear()
            _shared[process] = broker_at()
        return _shared[process]


def close_shared() -> None:
    """Close what `shared_broker` opened; it opens anew. `close_all` does so after the engines, and at the process's end."""
    with _lock:
        broker = _shared.pop(os.getpid(), None)
    if broker is not None:
        broker.close()


def without_secret(address: str) -> str:
    """An address as it may be shown."""
    return _SECRET.sub(r"\1***@", address)


def _broker(address: str, folder: Path, tls: ssl.SSLContext | None) -> Broker:
    kind, colon, rest = address.partition(":")
    if kind == "jsonl" and colon:
        return _recorder(rest, folder, address)
    from penstock.brokers.stomp import StompBroker

    place = _stomp(address, tls)
    return StompBroker(place.server, prefix=place.prefix, limits=place.limits)


def _recorder(text: str, folder: Path, address: str) -> Broker:
    if not text or text.startswith("//") or not text.isprintable():
        raise SettingsError(f"broker {address!r} lacks its path: say jsonl:path/to/messages.jsonl")
    from penstock.brokers.jsonl import JsonlBroker

    path = (folder / Path(text).expanduser()).absolute()
    make_folder(path)
    if not path.parent.is_dir() or path.is_dir():
        raise SettingsError(f"broker {address!r}: {path} can be no file: its folder must be there")
    return JsonlBroker(path)


class _Place(NamedTuple):
    server: Server
    prefix: str
    limits: StompLimits


def _stomp(address: str, tls: ssl.SSLContext | None) -> _Place:
    from urllib.parse import parse_qsl, unquote

    from penstock.brokers.stomp import Server, StompLimits

    kind, separator, rest = address.partition("://")
    if not separator or kind == "jsonl":
        raise _wrong(address, "is no address: say stomp://HOST:PORT, stomp+ssl://HOST:PORT or jsonl:PATH")
    if kind not in KINDS:
        raise _wrong(address, f"is of an unknown kind {kind!r}: {guess(kind, KINDS)}")
    account, _, place = rest.rpartition("@")
    place, _, query = place.partition("?")
    authority, slash, path = place.partition("/")
    host = _HOST.fullmatch(authority)
    if host is None or not 0 < int(host["port"] or 1) < 65536:
        raise _wrong(address, f"names no host and port: say {kind}://HOST:{_PORTS[kind]}")
    options = dict(parse_qsl(query, keep_blank_values=True))
    for name in options:
        if name not in OPTIONS:
            raise _wrong(address, f"has an unknown option {name!r}: {guess(name, OPTIONS)}")
    login, _, passcode = account.partition(":")
    server = Server(
        host["host"].strip("[]"),
        int(host["port"] or _PORTS[kind]),
        login=_line(unquote(login), address),
        passcode=_line(unquote(passcode), address),
        vhost=options.get("vhost", ""),
        tls=_context(address, kind, tls, options.get("ca")),
    )
    limits = StompLimits(
        timeout=_seconds(options, "timeout", StompLimits().timeout, address),
        heart_beat=_seconds(options, "heart_beat", StompLimits().heart_beat, address),
    )
    return _Place(server, prefix_of(_line(unquote(slash + path), address)), limits)


def prefix_of(path: str) -> str:
    """What an address's path puts before a topic."""
    if path in ("", "/"):
        return "/topic/"
    if not path[-1].isalnum():
        return path
    return f"{path}." if "/" in path[1:] else f"{path}/"


def _line(text: str, address: str) -> str:
    if text and not text.isprintable():
        raise _wrong(address, "holds a character that is no text")
    return text


def _context(address: str, kind: str, tls: ssl.SSLContext | None, ca: str | None) -> ssl.SSLContext | None:
    if kind != "stomp+ssl":
        if tls is not None or ca is not None:
            raise _wrong(address, "is not encrypted, but certificates were given: say stomp+ssl://")
        return None
    if tls is not None:
        return tls
    import ssl

    try:
        return ssl.create_default_context(cafile=ca)
    except (OSError, ValueError) as error:  # ssl's own errors are OSErrors
        raise _wrong(address, f"names certificates that cannot be read from {ca!r}: {error}") from error


def _seconds(options: Mapping[str, str], name: str, default: float, address: str) -> float:
    try:
        seconds = float(options.get(name, default))
    except ValueError:
        seconds = -1.0
    if not (0.0 if name == "heart_beat" else 0.001) <= seconds <= 86_400:
        raise _wrong(address, f"has {name}={options[name]!r}: say a number of seconds, such as {default:g}")
    return seconds


def _wrong(address: Any, what: str) -> SettingsError:
    return SettingsError(f"broker {without_secret(address)!r} {what}")
