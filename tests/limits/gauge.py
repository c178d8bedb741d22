"""Measures what is under way at once."""

from __future__ import annotations

import threading
import time
from typing import Any


class Gauge:
    """How many are inside at once, and who came in which order."""

    def __init__(self) -> None:
        self.inside = 0
        self.most = 0
        self.order: list[Any] = []
        self.times: list[float] = []
        self._lock = threading.Lock()

    def __call__(self, who: Any = None, seconds: float = 0.0) -> Any:
        with self._lock:
            self.inside += 1
            self.most = max(self.most, self.inside)
            self.order.append(who)
            self.times.append(time.monotonic())
        time.sleep(seconds)
        with self._lock:
            self.inside -= 1
        return who
