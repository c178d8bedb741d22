"""Clocks that a test sets, as an administrator or a time server would."""

from __future__ import annotations

import time

from penstock.stores.sqlite.clock import LinuxClock

HOUR = 3600.0
DAY = 24 * HOUR


class Wall(LinuxClock):
    """The host's clocks; wall time can be set. An engine's clock and a store's."""

    def __init__(self) -> None:
        super().__init__()
        self.shift = 0.0

    def jump(self, seconds: float) -> None:
        self.shift += seconds

    def wall(self) -> float:  # type: ignore[override]
        return time.time() + self.shift

    now = wall
    monotonic = staticmethod(time.monotonic)
