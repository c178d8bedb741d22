"""Task states in a JSON file that people can read, and a journal beside it that makes a save cheap.

A save appends one line to the journal and syncs it. Every so often, under the lock, all states are written into a new file
that takes the old one's place, and the journal begins anew: a process that is killed at any moment leaves a readable file,
and what was saved is in it or in the journal. A last line without an end was never acknowledged; the next save cuts it off.
"""

from __future__ import annotations

import fcntl
import json
import os
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from penstock.codecs import JsonCodec
from penstock.errors import StoreCorrupt
from penstock.tasks.state_stores import BaseStateStore
from penstock.tasks.statuses import TaskStatus

AT_ONCE: Final = 64
"""So many tasks are written whole at every save; with more, the journal grows to as many lines as there are tasks."""

State = dict[str, Any]


class JSONStateStore(BaseStateStore):
    """Task states in one JSON file: `{"tasks": {name: {"status", "result", "error", "timestamp"}}}`.

    Any number of threads and processes may share it. A damaged file is set aside under another name, and the error says so.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path).resolve()
        self.journal = self.path.with_name(f"{self.path.name}.journal")
        self._codec = JsonCodec()
        self._lock = threading.Lock()
        self._states: dict[str, State] = {}
        self._seen: tuple[int, int] | None = None  # the file that was read, by inode and time of change
        self._read = 0  # bytes of the journal that were read
        self._lines = 0

    def save_task_state(
        self,
        task_name: str,
        status: TaskStatus | str,
        result: Any = None,
        error: str | None = None,
        timestamp: datetime | None = None,
    ) -> None:
        """See BaseStateStore. Durable on return. Raises CodecError for a result that cannot be stored, OSError by the disk."""
        state = {
            "status": TaskStatus(str(getattr(status, "value", status)).lower()).value,
            "result": json.loads(self._codec.encode(result)),
            "error": error,
            "timestamp": (timestamp or datetime.now(UTC)).isoformat(),
        }
        line = json.dumps({"task": task_name, **state}, ensure_ascii=False) + "\n"
        with self._alone() as journal:
            self._catch_up(journal)
            self._states[task_name] = state
            if self._lines < len(self._states) and len(self._states) > AT_ONCE:
                _append(journal, self._read, line.encode())
                self._read += len(line.encode())
                self._lines += 1
            else:
                self._write_all(journal)

    def load_task_state(self, task_name: str) -> Mapping[str, Any] | None:
        """See BaseStateStore. Raises StoreCorrupt if the file is damaged."""
        with self._alone() as journal:
            self._catch_up(journal)
            state = self._states.get(task_name)
        if state is None:
            return None
        return {
            "status": TaskStatus(state["status"]),
            "result": self._codec.decode(json.dumps(state["result"])),
            "error": state["error"],
            "timestamp": datetime.fromisoformat(state["timestamp"]),
        }

    @contextmanager
    def _alone(self) -> Iterator[int]:
        """The journal, locked against every other thread and process."""
        with self._lock:
            journal = os.open(self.journal, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
            try:
                fcntl.flock(journal, fcntl.LOCK_EX)
                yield journal
            finally:
                os.close(journal)

    def _catch_up(self, journal: int) -> None:
        """Read what others have written since the last look."""
        try:
            about = self.path.stat()
            seen = (about.st_ino, about.st_mtime_ns)
        except FileNotFoundError:
            seen = (0, 0)
        if seen != self._seen:
            self._states = {} if seen == (0, 0) else self._load()
            self._seen, self._read, self._lines = seen, 0, 0
        size = os.fstat(journal).st_size
        for line in _whole_lines(os.pread(journal, size - self._read, self._read)):
            state = json.loads(line)
            self._states[state.pop("task")] = state
            self._read += len(line)
            self._lines += 1

    def _load(self) -> dict[str, State]:
        try:
            tasks: dict[str, Any] = json.loads(self.path.read_bytes())["tasks"]
            if not all(isinstance(state, dict) and "status" in state for state in tasks.values()):
                raise ValueError("a task without a status")
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            aside = _free_name(self.path)
            self.path.rename(aside)
            raise StoreCorrupt(
                f"{self.path} is no file of task states ({type(error).__name__}: {error}); it is set aside as {aside.name}."
                " What its journal holds is kept; put a backup in its place, or go on without it"
            ) from error
        return tasks

    def _write_all(self, journal: int) -> None:
        """All states into a new file that takes the old one's place; then the journal is empty."""
        draft = self.path.with_name(f"{self.path.name}.new")
        text = json.dumps({"tasks": self._states}, ensure_ascii=False, indent=1)
        with open(draft, "w", encoding="utf-8") as file:
            file.write(text + "\n")
            file.flush()
            os.fsync(file.fileno())
        os.replace(draft, self.path)
        _sync_folder(self.path.parent)
        os.ftruncate(journal, 0)
        about = self.path.stat()
        self._seen, self._read, self._lines = (about.st_ino, about.st_mtime_ns), 0, 0


def _append(journal: int, end: int, line: bytes) -> None:
    """Write behind the last whole line."""
    os.ftruncate(journal, end)
    while line:
        written = os.pwrite(journal, line, end)
        line, end = line[written:], end + written
    os.fdatasync(journal)


def _whole_lines(data: bytes) -> Iterator[bytes]:
    """Lines with their ends; what was cut off in the middle is left."""
    return (line for line in data.splitlines(keepends=True) if line.endswith(b"\n"))


def _free_name(path: Path) -> Path:
    names = (path.with_name(f"{path.name}.corrupt{n or ''}") for n in range(1_000))
    return next(name for name in names if not name.exists())


def _sync_folder(folder: Path) -> None:
    fd = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
