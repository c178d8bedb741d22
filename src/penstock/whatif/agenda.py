"""What happens when, in virtual time: the one agenda that all drivers of a simulation share."""

from __future__ import annotations

from collections.abc import Callable
from heapq import heappop, heappush
from typing import Any, Final

BEGINS: Final = 1_700_000_000.0
"""The moment at which a simulation begins of which no run is known; else it begins when the last of them did."""


class Agenda:
    """A clock (see ports.Clock) that moves to whatever comes next; what is due at one moment keeps its order."""

    def __init__(self, begins: float = BEGINS) -> None:
        self.begins = begins
        self.time = begins
        self._due: list[tuple[float, int, Callable[..., None], tuple[Any, ...]]] = []
        self.count = 0  # of all that was put on it

    def now(self) -> float:
        """The present moment."""
        return self.time

    monotonic = now

    def later(self, seconds: float, what: Callable[..., None], *args: Any) -> None:
        """Have `what(*args)` called so many seconds from now."""
        self.at(self.time + seconds, what, *args)

    def at(self, when: float, what: Callable[..., None], *args: Any) -> None:
        """Have `what(*args)` called at that moment."""
        self.count = count = self.count + 1
        heappush(self._due, (when, count, what, args))

    def step(self) -> bool:
        """Let the next thing happen. False if nothing is left."""
        if not self._due:
            return False
        when, _, what, args = heappop(self._due)
        self.time = max(self.time, when)
        what(*args)
        return True
