"""A JSON file and the journal beside it, which makes a write cheap.

- A write appends one line to the journal and syncs it. When the journal is as long as the file, everything goes into a new file
  that takes the old one's place. A small file is written anew at every write, so that people find all in it.
- File and journal belong together: both bear the same mark, and every new file has a new one. A journal of another mark is
  left over from a file that was replaced, restored from a backup or deleted; nothing in it counts.
- So a process that is killed at any moment leaves a readable file, and what was written is in it or in its journal. A last
  line without an end was never acknowledged; the next write cuts it off.
- Whoever reads or writes holds the lock beside the file. Only whether anything changed may be asked without it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final, NamedTuple

from penstock.errors import SettingsError, StoreCorrupt, StoreForeign
from penstock.stores.json_file.texts import encoded, text_of
from penstock.stores.sqlite import faults
from penstock.stores.sqlite.lock import SideLock, refuse_network

SMALL_BYTES: Final = 16 * 1024
"""A file of up to this size is written anew at every durable write."""
_TAIL_BYTES: Final = 64
"""So much of a file's end holds its mark."""
_UNREAD: Final = ("nothing was read yet",)

Document = dict[str, Any]
Entry = dict[str, Any]


class News(NamedTuple):
    """What was not read before: the whole document if the file is another one now, and the journal's new entries."""

    document: Document | None
    entries: list[Entry]


class Pair:
    """What this process has read of a file and its journal. Not for several threads at once.

    `syncs` says whether each write waits for the disk; a new file always does.
    """

    def __init__(self, path: Path, *, syncs: bool, patience: float, network: bool) -> None:
        self.path = path
        self.journal = journal_of(path)
        self._syncs = syncs
        if path.is_dir():
            raise SettingsError(f"{path} is a folder; name a file for the store")
        with told(path):
            path.parent.mkdir(parents=True, exist_ok=True)
        if not network:
            refuse_network(str(path))
        self.lock = SideLock(str(path), patience)
        self._is_doubtful = False  # after a write that failed nobody knows what is on the disk
        self.forget()

    def forget(self) -> None:
        """Read everything anew next time."""
        self._mark, self._size = "", 0
        self._read = 0  # bytes of the journal that were read, or written well
        self._seen: tuple[object, ...] | None = _UNREAD  # what tells the file that was read from others
        self._journal_seen = (0, 0)

    @property
    def is_journal_used(self) -> bool:
        return self._read > 0

    def changed(self) -> bool:
        """Whether there is something to be read. What was committed before the call is not missed."""
        with told(self.path):
            return _look_at_journal(self.journal) != self._journal_seen or _look(self.path) != self._seen

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Hold the lock; what the disk refuses meanwhile is raised as a StoreError."""
        self.lock.take()
        try:
            with told(self.path):
                yield
        finally:
            self.lock.leave()

    def news(self) -> News:
        """What was not read before. Raises StoreCorrupt for a damaged file, StoreForeign for somebody else's."""
        seen, (inode, size) = _look(self.path), _look_at_journal(self.journal)
        document = None
        if seen != self._seen or size < self._read or (self._read and inode != self._journal_seen[0]):
            self.forget()
            document = {} if seen is None else self._document(size)
            self._mark, self._seen = str(document.get("journal", "")), seen
        entries = [self._entry(line) for line in self._new_lines(size)]
        self._journal_seen = (inode, size)
        return News(document, entries)

    def _document(self, journal_size: int) -> Document:
        data = self.path.read_bytes()
        if not data and not journal_size:
            return {}  # somebody made an empty file for us
        if data[:1] not in (b"{", b""):
            raise StoreForeign(f"{self.path} holds something other than task states; name another file")
        try:
            whole = json.loads(data)
        except ValueError as error:
            raise self.damaged(self.path, error) from error
        if not isinstance(whole, dict) or not isinstance(whole.get("tasks"), dict):
            raise StoreForeign(f'{self.path} is JSON without "tasks" by name; name another file')
        self._size = len(data)
        return whole

    def _new_lines(self, size: int) -> list[bytes]:
        if not self._mark or size == self._read:
            return []
        with open(self.journal, "rb") as journal:
            journal.seek(self._read)
            lines = _whole_lines(journal.read(size - self._read))
        if self._read == 0 and (not lines or lines.pop(0) != self._heading()):
            return []
        self._read = (self._read or len(self._heading())) + sum(map(len, lines))
        return lines

    def _entry(self, line: bytes) -> Entry:
        try:
            entry = json.loads(line)
        except ValueError as error:
            raise self.damaged(self.journal, error) from error
        if not isinstance(entry, dict):
            raise self.damaged(self.journal, TypeError(f"{entry!r} is no entry"))
        return entry

    def write(self, entry: Entry, whole: Callable[[str], bytes], *, sync: bool = True) -> None:
        """Keep one more entry, in the journal or, where that is due, in a whole new document, made for its mark."""
        is_small = self._size <= SMALL_BYTES and sync and self._syncs
        if not self._mark or is_small or self._is_doubtful or self._read >= max(self._size, SMALL_BYTES):
            self.write_whole(whole)
        else:
            self._append(encoded(text_of(entry)) + b"\n", sync=sync and self._syncs)

    def _append(self, line: bytes, *, sync: bool) -> None:
        """Write behind the last whole line."""
        data = line if self._read else self._heading() + line
        end = self._read + len(data)
        journal = os.open(self.journal, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        try:
            os.ftruncate(journal, self._read)
            while data:
                data = data[os.pwrite(journal, data, end - len(data)) :]
            if sync:
                os.fdatasync(journal)
            self._journal_seen = os.fstat(journal).st_ino, end
        except OSError:
            self._is_doubtful = True
            with suppress(OSError):
                os.ftruncate(journal, self._read)  # it is not to be read by others as if it were kept
            raise
        finally:
            os.close(journal)
        if self._read == 0 and self._syncs:
            _sync_folder(self.path.parent)
        self._read = end

    def sync(self) -> None:
        """Return when all that was read is on the disk, whoever wrote it."""
        if self._syncs and self._read:
            with open(self.journal, "rb") as journal:
                os.fdatasync(journal.fileno())

    def write_whole(self, whole: Callable[[str], bytes]) -> None:
        """A new file takes the old one's place. The journal, of another mark now, counts no more."""
        mark = os.urandom(8).hex()
        data = whole(mark)
        put_in_place(self.path, data)
        if _look_at_journal(self.journal)[1]:
            os.truncate(self.journal, 0)
        self._mark, self._size, self._read, self._is_doubtful = mark, len(data), 0, False
        self._seen, self._journal_seen = _look(self.path), _look_at_journal(self.journal)

    def _heading(self) -> bytes:
        return encoded(text_of({"journal": self._mark})) + b"\n"

    def damaged(self, path: Path, error: Exception) -> StoreCorrupt:
        """Set aside what is damaged. The journal goes with its file: without it nobody could tell whether it counts."""
        self.forget()
        aside = [_set_aside(each) for each in {path, self.journal} if each.exists()]
        rest = "" if path == self.path else f" What is in {self.path.name} is whole and counts."
        return StoreCorrupt(
            f"{path} is damaged ({type(error).__name__}: {error}); set aside as {' and '.join(sorted(aside))}.{rest}"
            " Mend it and give it its name back, put a backup in its place, or go on: what is missing will be run again"
        )

    def close(self) -> None:
        self.lock.close()


def journal_of(path: Path) -> Path:
    """Where the journal of a file is."""
    return path.with_name(f"{path.name}.journal")


def put_in_place(path: Path, data: bytes) -> None:
    """A file that is there whole, and on the disk, or not at all. It may be read by whom the one before could be."""
    draft = path.with_name(f"{path.name}.new")
    try:
        with open(draft, "wb") as file:
            if path.exists():
                os.fchmod(file.fileno(), path.stat().st_mode & 0o777)
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(draft, path)
    finally:
        draft.unlink(missing_ok=True)
    _sync_folder(path.parent)


@contextmanager
def told(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise faults.of_system(error, str(path)) from error


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


def _look_at_journal(path: Path) -> tuple[int, int]:
    """Which file it is and how long; (0, 0) if there is none."""
    try:
        about = os.stat(path)
    except FileNotFoundError:
        return 0, 0
    return about.st_ino, about.st_size


def _set_aside(path: Path) -> str:
    names = (path.with_name(f"{path.name}.corrupt{n or ''}") for n in range(1_000))
    aside = next(name for name in names if not name.exists())
    path.rename(aside)
    return aside.name


def _sync_folder(folder: Path) -> None:
    fd = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
