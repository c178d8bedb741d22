"""Names of runs: short enough to read out, random from the first letter on, so that a short beginning is enough."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from itertools import count

NEAR_SECONDS = 1.0


class Ids:
    """Fresh ids. Those of one second share two digits: rows that are written together lie side by side in a store's indexes."""

    def __init__(self, chance: Callable[[int], bytes]) -> None:
        self._chance = chance
        self._near = b""
        self._until = 0.0

    def fresh(self, now: float) -> str:
        """An id nobody has; `now` in seconds."""
        chance = self._chance(8)
        if not self._until - NEAR_SECONDS <= now < self._until:
            self._near, self._until = chance[:1], now + NEAR_SECONDS
        return new_id(self._near + chance[1:])


class PassingIds:
    """Ids of runs that nothing is kept of: one random beginning, then a count."""

    def __init__(self, chance: Callable[[int], bytes]) -> None:
        self._beginning = chance(4).hex()
        self._count = count(int.from_bytes(chance(3), "big"))

    def fresh(self, now: float) -> str:
        """An id nobody has."""
        return f"{self._beginning}{next(self._count) & 0xFFFFFFFF:08x}"


def new_id(chance: bytes) -> str:
    """A run's id: 16 hexadecimal digits from 8 random bytes."""
    return chance.hex()


def run_id_for(workflow: str, key: str) -> str:
    """The id of the one run of a workflow under an idempotency key."""
    return new_id(hashlib.sha256(f"{workflow}\0{key}".encode()).digest()[:8])
