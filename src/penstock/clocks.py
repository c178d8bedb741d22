"""The only reader of wall time (a store's own now() apart)."""

from __future__ import annotations

import time


class SystemClock:
    """Real time. See Clock."""

    now = staticmethod(time.time)
    monotonic = staticmethod(time.monotonic)


class VirtualClock:
    """Time that moves only when it is told to: for simulations and tests. See Clock."""

    def __init__(self, start: float = 0.0) -> None:
        self.time = start

    def now(self) -> float:
        return self.time

    def monotonic(self) -> float:
        return self.time

    def advance(self, seconds: float) -> None:
        """Move forward; never back."""
        if seconds < 0:
            raise ValueError(f"time does not go back by {-seconds} s")
        self.time += seconds
