"""Bells between the processes of one machine: a unix datagram socket for each watcher.

A store's watchers have their sockets in one private folder, named by the inode of the store's file. Beside a socket lies a
file that lists its topics; it is written first, so that whoever sees the socket knows them. Who rings reads the folder again
only when it changed: with nobody watching, ringing costs one look at the folder's time. A bell that cannot be heard just now
is one that rang already; one that nobody serves any more is taken away by whoever finds it.

Commit, then ring; listen, then look: a bell may still be missed, so every watcher looks about once a second by itself.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import time
from collections.abc import Iterable
from itertools import count
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    import socket

_LONGEST_PATH: Final = 107
"""Bytes of a socket's path that the system takes."""
_UNSURE_SECONDS: Final = 0.05
"""A folder that changed so shortly before it was read may have changed again under the same time stamp."""
_FULL: Final = 10
"""So many datagrams at once may have left no room for others (net.unix.max_dgram_qlen): then every topic counts as rung."""
_TOPICS: Final = ".topics"
_serial = count(1)


class _Watcher(NamedTuple):
    path: str
    exact: frozenset[str]
    prefixes: tuple[str, ...]

    def hears(self, topic: str) -> bool:
        return topic in self.exact or topic.startswith(self.prefixes)


class Bells:
    """The bells of the store in the file at `place`, which must exist when the first is hung or rung."""

    def __init__(self, place: str) -> None:
        self._place = place
        self._folder = ""
        self._read_at = (-1, 0.0)
        self._watchers: list[_Watcher] = []
        self._socket: socket.socket | None = None

    def watch(self, topics: Iterable[str]) -> DatagramBell:
        folder = self._folder = self._folder or _folder_of(self._place)
        _make_private(os.path.dirname(folder))
        _make_private(folder)
        return DatagramBell(os.path.join(folder, f"{os.getpid():x}.{next(_serial):x}"), frozenset(topics))

    def ring(self, topics: Iterable[str]) -> None:
        watchers = self._current()
        if not watchers:
            return
        for topic in topics:
            for watcher in watchers:
                if watcher.hears(topic):
                    self._send(watcher.path, topic)

    def _current(self) -> list[_Watcher]:
        try:
            self._folder = self._folder or _folder_of(self._place)
            changed = os.stat(self._folder).st_mtime_ns
        except OSError:
            return []
        seen, sure_until = self._read_at
        if changed != seen or changed / 1e9 > sure_until:
            self._read_at = (changed, time.time() - _UNSURE_SECONDS)
            self._watchers = _watchers_in(self._folder)
        return self._watchers

    def _send(self, path: str, topic: str) -> None:
        if self._socket is None:
            self._socket = _new_socket()
        try:
            self._socket.sendto(topic.encode(), path)
        except BlockingIOError:
            pass  # it rang already, and was not heard yet
        except OSError as error:
            if error.errno in (errno.ECONNREFUSED, errno.ENOENT):
                _remove(path)

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None


class DatagramBell:
    """See Bell. When many topics rang at once, `drain` may give the watched topics as they were named, `prefix*` too."""

    def __init__(self, path: str, topics: frozenset[str]) -> None:
        self._path = path
        self._topics = topics
        with open(path + _TOPICS, "w", encoding="utf-8") as file:
            file.write("\0".join(sorted(topics)))
        self._socket = _new_socket()
        self._socket.bind(path)

    def fileno(self) -> int:
        return self._socket.fileno()

    def drain(self) -> frozenset[str]:
        rang: list[str] = []
        with contextlib.suppress(BlockingIOError):
            while True:
                rang.append(self._socket.recv(65_536).decode())
        return frozenset(rang) if len(rang) < _FULL else self._topics.union(rang)

    def close(self) -> None:
        if self._socket.fileno() >= 0:
            self._socket.close()
            _remove(self._path)


def _new_socket() -> socket.socket:
    import socket

    return socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)


def _folder_of(place: str) -> str:
    """Where the bells of a store hang: a short path, in a folder that is this user's alone."""
    about = os.stat(place)
    name = f"{about.st_dev:x}.{about.st_ino:x}"
    runtime = os.environ.get("XDG_RUNTIME_DIR", "")
    own = os.path.join(runtime, "penstock")
    longest = len(os.fsencode(own)) + len(f"/{name}/{2**32:x}.{2**32:x}")
    if not os.path.isdir(runtime) or longest > _LONGEST_PATH:
        own = f"/tmp/penstock-{os.getuid()}"
    return os.path.join(own, name)


def _make_private(folder: str) -> None:
    with contextlib.suppress(FileExistsError):
        os.mkdir(folder, 0o700)
    about = os.lstat(folder)
    if not stat.S_ISDIR(about.st_mode) or about.st_uid != os.getuid() or about.st_mode & 0o077:
        raise PermissionError(errno.EPERM, "bells need a folder of this user's own, mode 0700", folder)


def _watchers_in(folder: str) -> list[_Watcher]:
    names = [name for name in os.listdir(folder) if not name.endswith(_TOPICS)]
    return [watcher for name in names if (watcher := _watcher(os.path.join(folder, name))) is not None]


def _watcher(path: str) -> _Watcher | None:
    try:
        with open(path + _TOPICS, encoding="utf-8") as file:
            topics = file.read().split("\0")
    except OSError:
        return None
    exact = frozenset(topic for topic in topics if not topic.endswith("*"))
    return _Watcher(path, exact, tuple(topic[:-1] for topic in topics if topic.endswith("*")))


def _remove(path: str) -> None:
    for name in (path, path + _TOPICS):
        with contextlib.suppress(OSError):
            os.unlink(name)
