"""Ctrl-C and SIGTERM while a thread drives or awaits a run: one KeyboardInterrupt, inside a step or between two, in no commit.

A program's own handlers are left alone. The second signal is raised wherever it comes.
"""

from __future__ import annotations

import _signal  # type: ignore[import-not-found,unused-ignore]  # `signal` costs 5 ms
import threading
from types import FrameType
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from penstock.engine.sync_driver import SyncDriver

_UNCLAIMED: Final = {_signal.SIGINT: _signal.default_int_handler, _signal.SIGTERM: _signal.SIG_DFL}
"""What handles these signals where the program has said nothing."""


class Interruptible:
    """Inside the block both signals interrupt this thread, if it is the main one. `driver` is the one it serves, if any."""

    def __init__(self, driver: SyncDriver | None = None) -> None:
        self._driver = driver
        self._asked = False
        self._before: list[tuple[int, Any]] = []

    def __enter__(self) -> None:
        if threading.current_thread() is threading.main_thread():
            for number, handler in _UNCLAIMED.items():
                if _signal.getsignal(number) == handler:
                    self._before.append((number, _signal.signal(number, self._interrupt)))

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before:
            _signal.signal(number, handler)

    def _interrupt(self, number: int, frame: FrameType | None) -> None:
        driver = self._driver
        if self._asked or driver is None or driver.here is not None:
            raise KeyboardInterrupt
        self._asked = True
        driver.post(_raise)


def _raise() -> None:
    raise KeyboardInterrupt
