"""Task states in a JSON file that people can read, and a journal beside it that makes a save cheap.

- A save appends one line to the journal and syncs it. When the journal is as long as the file, all states go into a new file
  that takes the old one's place. A small file is written anew at every save.
- File and journal belong together: both bear the same mark, and every new file has a new one. A journal of another mark is
  left over from a file that was replaced, restored from a backup or deleted; nothing in it counts.
- So a process that is killed at any moment leaves a readable file, and what was saved is in it or in its journal. A last
  line without an end was never acknowledged; the next save cuts it off.
- What is in memory was read from the files, or written into them well.
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from penstock.codecs import JsonCodec
from penstock.errors import SettingsError, StoreCorrupt, StoreForeign
from penstock.tasks.state_stores import BaseStateStore, checked_name, moment, status_of
from penstock.tasks.statuses import TaskStatus

SMALL_BYTES: Final = 16 * 1024
"""A file of up to this size is written anew at every save, so that people find all in it."""
_TAIL_BYTES: Final = 64
"""So much of a file's end holds its mark."""

State = dict[str, Any]


class JSONStateStore(BaseStateStore):
    """Task states in one JSON file: `{"tasks": {name: {"status", "result", "error", "timestamp"}}, "journal": mark}`.

    Any number of threads and processes may share it. What is newer than the file is in the journal beside it until the file is
    written anew; `close` does that at once. A damaged file is set aside under another name, and the error says so.
    `codec.learn` and `codec.allow` name classes whose values come back as such.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path).resolve()
        if self.path.is_dir():
            raise SettingsError(f"{self.path} is a folder; name a file for the states of tasks")
        self.journal = self.path.with_name(f"{self.path.name}.journal")
        self.codec = JsonCodec()
        self._lock = threading.Lock()
        self._seen: tuple[object, ...] | None = None  # what told the file that was read from others
        self._forget()

    def save_task_state(
        self,
        task_name: str,
        status: TaskStatus | str,
        result: Any = None,
        error: str | None = None,
        timestamp: datetime | None = None,
    ) -> None:
        """See BaseStateStore. Durable on return."""
        state = {
            "status": status_of(status).value,
            "result": json.loads(self.codec.encode(result)),
            "error": error,
            "timestamp": moment(timestamp).isoformat(),
        }
        line = _text({"task": checked_name(task_name), **state})
        with self._alone() as journal:
            if self._mark and self._size > SMALL_BYTES and self._read < self._size:
                self._append(journal, line)
                self._states[task_name] = state
            else:
                self._write_all(journal, {**self._states, task_name: state})

    def load_task_state(self, task_name: str) -> Mapping[str, Any] | None:
        """See BaseStateStore. Raises StoreCorrupt if the file is damaged, StoreForeign if it holds something else."""
        with self._alone():
            state = self._states.get(task_name)
        if state is None:
            return None
        return {
            "status": TaskStatus(state["status"]),
            "result": self.codec.decode(json.dumps(state["result"])),
            "error": state["error"],
            "timestamp": datetime.fromisoformat(state["timestamp"]),
        }

    def close(self) -> None:
        """Write what the journal holds into the file. The store may be used again."""
        with self._alone() as journal:
            if self._read:
                self._write_all(journal, self._states)

    @contextmanager
    def _alone(self) -> Iterator[int]:
        """The journal, with every other thread and process locked out and what they have written read."""
        from penstock.app.alone import alone_with

        with self._lock, alone_with(self.path):
            journal = os.open(self.journal, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
            try:
                self._catch_up(journal)
                yield journal
            finally:
                os.close(journal)

    def _forget(self) -> None:
        self._states: dict[str, State] = {}
        self._mark, self._size = "", 0
        self._read = 0  # bytes of the journal that were read
        self._seen = None

    def _catch_up(self, journal: int) -> None:
        seen, size = _look(self.path), os.fstat(journal).st_size
        if seen != self._seen or size < self._read:
            self._forget()
            if seen is not None:
                self._read_file(size)
            self._seen = seen
        lines = _whole_lines(os.pread(journal, size - self._read, self._read))
        if self._read == 0 and (not lines or not self._mark or lines.pop(0) != self._heading()):
            return
        self._read = self._read or len(self._heading())
        for line in lines:
            self._read_line(line)

    def _read_file(self, journal_size: int) -> None:
        data = self.path.read_bytes()
        if not data and not journal_size:
            return  # somebody made an empty file for us
        if data[:1] not in (b"{", b""):
            raise StoreForeign(f"{self.path} holds something other than task states; name another file")
        try:
            whole = json.loads(data)
        except ValueError as error:
            raise self._damaged(self.path, error) from error
        if not isinstance(whole, dict) or not isinstance(whole.get("tasks"), dict):
            raise StoreForeign(f'{self.path} is JSON without "tasks" by name; name another file')
        try:
            self._states = {name: _checked(state) for name, state in whole["tasks"].items()}
        except (ValueError, KeyError, TypeError) as error:
            raise self._damaged(self.path, error) from error
        self._mark, self._size = str(whole.get("journal", "")), len(data)

    def _read_line(self, line: bytes) -> None:
        try:
            state = json.loads(line)
            self._states[state.pop("task")] = _checked(state)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise self._damaged(self.journal, error) from error
        self._read += len(line)

    def _append(self, journal: int, line: bytes) -> None:
        """Write behind the last whole line."""
        data = line if self._read else self._heading() + line
        os.ftruncate(journal, self._read)
        end = self._read + len(data)
        while data:
            data = data[os.pwrite(journal, data, end - len(data)) :]
        os.fdatasync(journal)
        self._read = end

    def _write_all(self, journal: int, states: dict[str, State]) -> None:
        """All states into a new file that takes the old one's place. The journal, of another mark now, counts no more."""
        mark = os.urandom(8).hex()
        data = _text({"tasks": states, "journal": mark}, indent=1)
        draft = self.path.with_name(f"{self.path.name}.new")
        try:
            _write_synced(draft, data)
            os.replace(draft, self.path)
        finally:
            draft.unlink(missing_ok=True)
        _sync_folder(self.path.parent)
        os.ftruncate(journal, 0)
        self._states, self._mark, self._size, self._read = states, mark, len(data), 0
        self._seen = _look(self.path)

    def _heading(self) -> bytes:
        return _text({"journal": self._mark})

    def _damaged(self, path: Path, error: Exception) -> StoreCorrupt:
        """Set aside what is damaged. The journal goes with its file: without it nobody could tell whether it counts."""
        aside = [_set_aside(each) for each in {path, self.journal} if each.exists()]
        rest = "" if path == self.path else f" What is in {self.path.name} is whole and counts."
        return StoreCorrupt(
            f"{path} is damaged ({type(error).__name__}: {error}); set aside as {' and '.join(sorted(aside))}.{rest}"
            " Mend it and give it its name back, put a backup in its place, or go on: what is missing will be run again"
        )


def _text(value: Any, indent: int | None = None) -> bytes:
    """One line of JSON, or many; what UTF-8 cannot hold (lone surrogates) is escaped as JSON does it."""
    return json.dumps(value, ensure_ascii=False, indent=indent).encode("utf-8", "backslashreplace") + b"\n"


def _checked(state: Any) -> State:
    """A state that was read. Raises ValueError, KeyError or TypeError, as it comes, for what is none."""
    error = state["error"]
    if error is not None and not isinstance(error, str):
        raise TypeError(f"error {error!r} is no text")
    at = datetime.fromisoformat(state["timestamp"]).isoformat()
    status = TaskStatus(state["status"].lower()).value
    return {"status": status, "result": state["result"], "error": error, "timestamp": at}


def _whole_lines(data: bytes) -> list[bytes]:
    """Lines with their ends; what was cut off in the middle is left."""
    return [line + b"\n" for line in data.split(b"\n")[:-1]]


def _look(path: Path) -> tuple[object, ...] | None:
    """What tells a file from others that had its name; None if there is none. The mark is in its last bytes."""
    try:
        file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        about = os.fstat(file)
        tail = os.pread(file, _TAIL_BYTES, max(0, about.st_size - _TAIL_BYTES))
        return about.st_ino, about.st_mtime_ns, about.st_size, tail
    finally:
        os.close(file)


def _set_aside(path: Path) -> str:
    names = (path.with_name(f"{path.name}.corrupt{n or ''}") for n in range(1_000))
    aside = next(name for name in names if not name.exists())
    path.rename(aside)
    return aside.name


def _write_synced(path: Path, data: bytes) -> None:
    with open(path, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _sync_folder(folder: Path) -> None:
    fd = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
