"""What a JSON file says, in memory: a disk that tells the states of tasks, and remembers whom to wake."""

from __future__ import annotations

from collections.abc import Iterable, Set

from penstock.model.changes import Row
from penstock.stores.json_file import states
from penstock.stores.json_file.states import State
from penstock.stores.memory_disk import MemoryDisk


class Replica(MemoryDisk):
    """See MemoryDisk. Nobody listens at it; bells hang where other processes hear them too."""

    def __init__(self) -> None:
        super().__init__()
        self._rung: set[str] = set()
        self._newest: dict[str, Row] = {}
        self._walked = 0

    def ring(self, topics: Iterable[str]) -> None:
        self._rung.update(topics)

    def heard(self) -> set[str]:
        """The topics that rang since the last call."""
        rung, self._rung = self._rung, set()
        return rung

    def forget(self, runs: Set[str]) -> None:
        super().forget(runs)
        self._newest, self._walked = {}, 0

    def newest(self) -> dict[str, Row]:
        """By task, the newest event that tells its state."""
        for _, _, row in self.stream[self._walked :]:
            if states.is_told_by(row):
                known = self._newest.get(row.step or "")
                if known is None or row.at >= known.at:
                    self._newest[row.step or ""] = row
        self._walked = len(self.stream)
        return self._newest

    def task(self, name: str) -> Row | State | None:
        """The event that tells a task's state, or the state as it was saved; None if it has none."""
        columns, row = self.tables["documents"].get(states.PREFIX + name), self.newest().get(name)
        saved = None if columns is None else states.saved_in(columns)
        if columns is None or saved is None:
            return row
        return saved if states.is_newer(columns, row) else row
