"""Task states kept by name, as FlowWeaver keeps them: in a SQLite store of ours, in a JSON file, or as a subclass says."""

from __future__ import annotations

import os
import threading
from abc import ABC, abstractmethod
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from penstock.errors import DefinitionError, SettingsError
from penstock.model import events as e
from penstock.model.changes import Change, Put, Row
from penstock.model.failure import Failure
from penstock.model.ids import new_id
from penstock.tasks.statuses import TaskStatus

if TYPE_CHECKING:
    from penstock.ports import Store

PAGE = 5_000
STATUS_OF = {
    "step_started": TaskStatus.RUNNING,
    "step_done": TaskStatus.COMPLETED,
    "step_reused": TaskStatus.COMPLETED,
    "step_failed": TaskStatus.FAILED,
    "step_skipped": TaskStatus.SKIPPED,
    "step_cancelled": TaskStatus.CANCELLED,
}
"""What the newest event of a step says of its task; a failure that will be tried again says pending."""


class BaseStateStore(ABC):
    """Where the states of tasks are kept by name. Calls may come from any thread; a save that fails must raise."""

    @abstractmethod
    def save_task_state(
        self,
        task_name: str,
        status: TaskStatus | str,
        result: Any = None,
        error: str | None = None,
        timestamp: datetime | None = None,
    ) -> None:
        """Keep the newest state of a task; `timestamp` is now if left out, and local if it has no zone.

        Raises DefinitionError for a name or status that means nothing, CodecError for a result that cannot be stored,
        StoreError if the state is not kept.
        """

    @abstractmethod
    def load_task_state(self, task_name: str) -> Mapping[str, Any] | None:
        """The newest state of a task: `status`, `result`, `error`, `timestamp`; None if it has none."""


class StoreStates(BaseStateStore):
    """Task states in a store of ours; workflows that are executed with it are recorded in it as runs.

    `codec.learn` and `codec.allow` name classes whose values come back as such.
    """

    scheme: ClassVar[str]

    def __init__(self, path: str | os.PathLike[str]) -> None:
        from penstock.codecs import JsonCodec

        self.path = Path(path).resolve()
        self.address = f"{self.scheme}:///{self.path}"
        self.codec = JsonCodec()
        self._lock = threading.RLock()
        self._opened: Store | None = None

    @property
    def store(self) -> Store:
        """The store underneath, opened when it is first needed."""
        with self._lock:
            if self._opened is None:
                from penstock.app.addresses import store_at

                self._opened = store_at(self.address, "power")
                assert self._opened is not None
            return self._opened

    def close(self) -> None:
        """Let the file go; the next call opens it again."""
        with self._lock:
            if self._opened is not None:
                self._opened.close()
                self._opened = None

    def _state(self, row: Row) -> dict[str, Any]:
        """The state that an event tells."""
        from penstock.engine.rows import event_of

        event = event_of(row, self.codec, self._blob)
        again = isinstance(event, e.StepFailed) and event.retry_at is not None
        return {
            "status": TaskStatus.PENDING if again else STATUS_OF[row.kind],
            "result": getattr(event, "value", None),
            "error": None if again else _why(event),
            "timestamp": datetime.fromtimestamp(row.at, UTC),
        }

    def _blob(self, digest: str) -> bytes:
        data: bytes = self.store.get("blobs", [digest])[digest]["data"]
        return data


class SQLiteStateStore(StoreStates):
    """Task states in a SQLite store; see StoreStates. `SELECT task_name, status FROM tasks` answers on the file.

    What is saved directly goes to a log of its own for each object.
    """

    scheme = "sqlite"

    def __init__(self, path: str | os.PathLike[str]) -> None:
        if os.fspath(path) == ":memory:":
            raise SettingsError("a state store in memory would keep nothing: name a file, or leave it out")
        super().__init__(path)
        self._cursor = ""
        self._newest: dict[str, Row] = {}
        self._saved_at: dict[str, float] = {}
        self._begin_log()

    def _begin_log(self) -> None:
        self._log = new_id(os.urandom(8))
        self._length = 0

    def save_task_state(
        self,
        task_name: str,
        status: TaskStatus | str,
        result: Any = None,
        error: str | None = None,
        timestamp: datetime | None = None,
    ) -> None:
        """See BaseStateStore. A time earlier than that of this object's last save of the task is raised to it."""
        from penstock.engine.rows import row_of

        name = checked_name(task_name)
        with self._lock:
            at = moment(timestamp).timestamp()
            at = max(at, self._saved_at.get(name, at))
            blobs: list[Put] = []
            event = _event_of(name, status_of(status), result, _storable(error), at)
            row = row_of(self._length + 1, at, event, self.codec, blobs)
            try:
                self.store.commit([Change(run=self._log, expect=self._length, events=[row], puts=blobs)])
            except BaseException:
                self._begin_log()  # whether the row is there, nobody knows
                raise
            self._length += 1
            self._saved_at[name] = at

    def load_task_state(self, task_name: str) -> Mapping[str, Any] | None:
        """See BaseStateStore. Only what was written since the last call is read."""
        with self._lock:
            self._catch_up()
            row = self._newest.get(task_name)
        return None if row is None else self._state(row)

    def close(self) -> None:
        """See StoreStates.close."""
        with self._lock:
            super().close()
            self._begin_log()  # a forked child closes, too, and its parent goes on

    def _catch_up(self) -> None:
        while True:
            rows, self._cursor = self.store.follow(self._cursor, PAGE)
            for _, row in rows:
                if row.kind in STATUS_OF and row.step is not None and row.item is None:
                    known = self._newest.get(row.step)
                    if known is None or row.at >= known.at:
                        self._newest[row.step] = row
            if len(rows) < PAGE:
                return


def status_of(status: TaskStatus | str) -> TaskStatus:
    """The status that is meant by a member of any enumeration or by a text in any case."""
    try:
        return TaskStatus(str(getattr(status, "value", status)).lower())
    except ValueError:
        known = ", ".join(TaskStatus)
        raise DefinitionError(f"status {status!r} of a task must be one of {known}") from None


def checked_name(name: object) -> str:
    """A task's name. Raises DefinitionError for what can be none."""
    if not isinstance(name, str) or not name:
        raise DefinitionError(f"task_name={name!r} must be a text that is not empty")
    if any("\ud800" <= character <= "\udfff" for character in name):
        raise DefinitionError(
            f"task_name={name!r} holds half a character, which cannot be stored: name it otherwise"
        )
    return name


def moment(timestamp: datetime | None) -> datetime:
    """A time in UTC, now if none is given."""
    return datetime.now(UTC) if timestamp is None else timestamp.astimezone(UTC)


def _storable(error: str | None) -> str:
    """What UTF-8 cannot hold, as in the message about a file of an odd name, is written as Python writes it."""
    return (error or "").encode("utf-8", "backslashreplace").decode()


def _why(event: e.Event) -> str | None:
    match event:
        case e.StepFailed(error=failure):
            return failure.message
        case e.StepSkipped(reason=reason):
            return reason or None
        case _:
            return None


def _event_of(name: str, status: TaskStatus, result: Any, error: str, at: float) -> e.Event:
    match status:
        case TaskStatus.COMPLETED:
            return e.StepDone(name, None, result)
        case TaskStatus.RUNNING:
            return e.StepStarted(name, None, 1)
        case TaskStatus.SKIPPED:
            return e.StepSkipped(name, error)
        case TaskStatus.CANCELLED:
            return e.StepCancelled(name, None)
        case _:
            failure = Failure("builtins.Exception", error)
            return e.StepFailed(name, None, 1, failure, at if status is TaskStatus.PENDING else None)
