"""What is measured while a simulation goes on: how busy places are, what waits for them, what becomes of runs."""

from __future__ import annotations

from array import array
from typing import NamedTuple


class Meter:
    """One kind of place: how many steps run there and how many wait, over time."""

    def __init__(self, name: str, begins: float, *, keeps: bool) -> None:
        self.name = name
        self.slots = 0
        self.busy = 0
        self.waiting = 0
        self.busy_seconds = 0.0
        self.waiting_seconds = 0.0
        self.most_waiting = 0
        self.times = array("d", [begins])
        self.levels = array("l", [0, 0])
        self._keeps = keeps
        self._at = begins

    def change(self, at: float, busy: int, waiting: int) -> None:
        """So many more (or fewer) run and wait from now on."""
        seconds = at - self._at
        if seconds > 0:
            self.busy_seconds += self.busy * seconds
            self.waiting_seconds += self.waiting * seconds
            self._at = at
            if self._keeps:
                self.times.append(at)
                self.levels.extend((0, 0))
        self.busy += busy
        self.waiting += waiting
        self.most_waiting = max(self.most_waiting, self.waiting)
        if self._keeps:
            self.levels[-2] = self.busy
            self.levels[-1] = self.waiting


class RunTold(NamedTuple):
    """What became of one simulated run; moments are virtual time. `ended` is None, and `why` says why, if it never ended."""

    number: int
    arrived: float
    started: float | None
    ended: float | None
    status: str
    why: str = ""
