"""Task states in a JSON file that people can read, and that is a store of ours."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Protocol, cast

from penstock.errors import SettingsError
from penstock.model.changes import Change, Put, Row
from penstock.tasks.state_stores import StoreStates, checked_name, moment, status_of
from penstock.tasks.statuses import TaskStatus


class TellsTasks(Protocol):
    """What a store in a JSON file can besides."""

    def task(self, name: str) -> Row | dict[str, Any] | None:
        """The event of a run that tells a task's state, or the state as it was saved by name, whichever is newer."""


class JSONStateStore(StoreStates):
    """Task states in one JSON file: `{"tasks": {name: {"status", "result", "error", "timestamp"}}, ...}`; see StoreStates.

    Any number of threads and processes may share it. What is newer than the file is in the journal beside it until the file is
    written anew; `close` does that at once. A damaged file is set aside under another name, and the error says so. What is
    written into "tasks" by hand counts.
    """

    scheme = "json"

    def __init__(self, path: str | os.PathLike[str]) -> None:
        super().__init__(path)
        if self.path.is_dir():
            raise SettingsError(f"{self.path} is a folder; name a file for the states of tasks")
        self.journal = self.path.with_name(f"{self.path.name}.journal")

    def save_task_state(
        self,
        task_name: str,
        status: TaskStatus | str,
        result: Any = None,
        error: str | None = None,
        timestamp: datetime | None = None,
    ) -> None:
        """See BaseStateStore. Durable on return."""
        at = moment(timestamp)
        state = {
            "status": status_of(status).value,
            "result": json.loads(self.codec.encode(result)),
            "error": error,
            "timestamp": at.isoformat(),
        }
        columns = {
            "kind": "task",
            "data": json.dumps(state, ensure_ascii=False),
            "created": at.timestamp(),
            "updated": at.timestamp(),
        }
        self.store.commit([Change(puts=[Put("documents", f"task:{checked_name(task_name)}", columns)])])

    def load_task_state(self, task_name: str) -> Mapping[str, Any] | None:
        """See BaseStateStore. Raises StoreCorrupt if the file is damaged, StoreForeign if it holds something else."""
        state = cast(TellsTasks, self.store).task(task_name)
        if state is None or isinstance(state, Row):
            return None if state is None else self._state(state)
        return {
            "status": TaskStatus(state["status"]),
            "result": self.codec.decode(json.dumps(state["result"])),
            "error": state["error"],
            "timestamp": datetime.fromisoformat(state["timestamp"]),
        }
