"""Messages recorded in a file, a line of JSON each, for those without a broker.

- A line holds `at` (seconds since 1970), `topic`, `headers`, and `body`, or `bytes` (base64) where the body was bytes.
- It is in the file when `send` returns, so it survives kill -9; when `flush` returns it is on the disk.
- Processes that record into one file take turns by a lock on it. What one that was killed wrote of a last line is cut off by
  the next. Nobody waits for a turn longer than `patience` seconds: after that there is no room.
- A file that was moved away is let go, and another begun. One that holds something else is left as it is.
"""

from __future__ import annotations

import base64
import errno
import fcntl
import json
import logging
import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from penstock.brokers.messages import checked
from penstock.errors import BrokerClosed, BrokerError, BrokerFull, BrokerUnavailable, SettingsError
from penstock.model.wording import shown
from penstock.ports import Message

_NAP_SECONDS: Final = 0.000_5
_PIECE: Final = 64 * 1024
_BEGINNING: Final = b'{"at":'
"""Of every line."""


class JsonlBroker:
    """Appends messages to a file. See Broker, and the module for what the file holds."""

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        patience: float = 1.0,
        now: Callable[[], float] = time.time,
    ) -> None:
        self.path = Path(path).absolute()
        self.url = f"jsonl:{self.path}"
        self._patience = patience
        self._now = now
        self._lock = threading.Lock()
        self._file: int | None = None
        self._process = os.getpid()
        self._closed = False
        self._confirmed = self._dropped = 0
        self._error: str | None = None

    def send(
        self,
        topic: str,
        body: str | bytes,
        headers: Mapping[str, str] | None = None,
        *,
        promised: bool = False,
    ) -> bool:
        """See Broker.send. No room is a full or missing disk, or a lock that others do not give back."""
        line = as_line(checked(topic, body, headers), self._now())
        try:
            with self._alone() as file:
                _append(file, line)
        except OSError as error:
            self._error = f"{self.path} cannot be written: {error.strerror or error}"
            self._dropped += 1
            if promised:
                raise BrokerFull(f"a message to {topic!r} was not taken: {self._error}") from error
            return False
        self._confirmed += 1
        self._error = None
        return True

    def flush(self, seconds: float) -> None:
        """See Broker.flush."""
        if not (self._confirmed or self._dropped or self._closed):
            return
        try:
            with self._alone() as file:
                os.fsync(file)
        except OSError as error:
            raise BrokerUnavailable(f"{self.path} cannot be written: {error.strerror or error}") from error

    def health(self) -> dict[str, Any]:
        """See Broker.health."""
        return {
            "connected": self._file is not None,
            "waiting": 0,
            "confirmed": self._confirmed,
            "dropped": self._dropped,
            "doubtful": 0,
            "refused": 0,
            "error": self._error,
        }

    def close(self, seconds: float = 5.0) -> None:
        """See Broker.close."""
        with self._lock:
            file, self._file, self._closed = self._file, None, True
        if file is None:
            return
        try:
            os.fsync(file)
        except OSError as error:
            logging.getLogger("penstock").warning("%s may lack its last messages: %s", self.path, error)
        os.close(file)

    def __enter__(self) -> JsonlBroker:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @contextmanager
    def _alone(self) -> Iterator[int]:
        """The file, for this thread of this process alone, ending with a whole line."""
        if self._process != os.getpid():
            raise BrokerClosed(f"{self.url} was opened by process {self._process}: open it anew in this one")
        until = time.monotonic() + self._patience
        if not self._lock.acquire(timeout=self._patience):
            raise TimeoutError(errno.ETIMEDOUT, f"other threads were busy with it for {self._patience:g} s")
        try:
            if self._closed:
                raise BrokerClosed(f"{self.url} was closed; open another")
            file = self._locked(until)
            try:
                yield file
            finally:
                fcntl.flock(file, fcntl.LOCK_UN)
        finally:
            self._lock.release()

    def _locked(self, until: float) -> int:
        """The file that bears the name now, though the one that was open may have been moved or removed."""
        while True:
            if self._file is None:
                self._file = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o666)
            _take(self._file, until)
            ours = _BEGINNING.startswith(os.pread(self._file, len(_BEGINNING), 0))
            if ours and _bears(self._file, self.path):
                return self._file
            os.close(self._file)
            self._file = None
            if not ours:
                raise SettingsError(f"{self.path} holds something other than messages: name another file")


def recorded(path: str | os.PathLike[str]) -> Iterator[Message]:
    """The messages in a file, from the first; a last line that is not whole yet is left out. Raises BrokerError."""
    with open(path, "rb") as file:
        for number, line in enumerate(file, 1):
            if line.endswith(b"\n"):
                try:
                    yield from_line(line)
                except (ValueError, KeyError, TypeError, AttributeError) as error:
                    raise BrokerError(
                        f"{os.fspath(path)}:{number}: {shown(line)} is no recorded message: {error}"
                    ) from error


def as_line(message: Message, at: float) -> bytes:
    """A message as the file holds it."""
    topic, body, headers = message
    whole: dict[str, Any] = {"at": at, "topic": topic, "headers": dict(headers)}
    if isinstance(body, str):
        whole["body"] = body
    else:
        whole["bytes"] = base64.b64encode(body).decode()
    return json.dumps(whole, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


def from_line(line: bytes) -> Message:
    """A message from its line. Raises ValueError, KeyError, TypeError or AttributeError for what is none."""
    whole = json.loads(line)
    body = whole["body"] if "body" in whole else base64.b64decode(whole["bytes"], validate=True)
    return Message(str(whole["topic"]), body, dict(whole["headers"].items()))


def _bears(file: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(file), os.stat(path))
    except FileNotFoundError:
        return False


def _take(file: int, until: float) -> None:
    while True:
        try:
            return fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > until:
                raise TimeoutError(errno.ETIMEDOUT, "another process does not give back its lock") from None
            time.sleep(_NAP_SECONDS)


def _append(file: int, line: bytes) -> None:
    """Write a line after the last whole one, or nothing."""
    end = _cut(file, os.fstat(file).st_size)
    try:
        written = os.write(file, line)
        while written < len(line):
            written += os.write(file, line[written:])
    except OSError:
        os.ftruncate(file, end)
        raise


def _cut(file: int, size: int) -> int:
    """Cut off a last line without an end; the file's size then."""
    whole = size
    while whole and os.pread(file, 1, whole - 1) != b"\n":
        start = max(0, whole - _PIECE)
        found = os.pread(file, whole - start, start).rfind(b"\n")
        whole = start + found + 1 if found >= 0 else start
    if whole != size:
        if not _BEGINNING.startswith(os.pread(file, len(_BEGINNING), whole)):
            raise SettingsError(
                "the end of a file of messages was written by somebody else: mend it, or name another file"
            )
        os.ftruncate(file, whole)
    return whole
