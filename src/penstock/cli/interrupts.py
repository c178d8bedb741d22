"""Ctrl-C and SIGTERM as one clean KeyboardInterrupt, which never falls into a commit; a second one leaves at once."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Final

SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)
AGAIN_SECONDS: Final = 0.005
_NOT_WITHIN: Final = ("penstock.stores.", "penstock.engine.journal")


class _Stop:
    """Handles the signals. What interrupts a commit is put off until the commit is over."""

    def __init__(self) -> None:
        self.raised = False

    def __call__(self, number: int, frame: FrameType | None) -> None:
        if self.raised:
            os.write(2, b"\x1b[?25h" if os.isatty(2) else b"")
            os._exit(130)
        if _within_a_commit(frame):
            threading.Timer(AGAIN_SECONDS, os.kill, (os.getpid(), number)).start()
            return
        self.raised = True
        raise KeyboardInterrupt


@contextmanager
def stoppable() -> Iterator[None]:
    """Inside, both signals raise KeyboardInterrupt on the main thread; elsewhere it does nothing."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    stop = _Stop()
    before = {number: signal.signal(number, stop) for number in SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _within_a_commit(frame: FrameType | None) -> bool:
    while frame is not None:
        if frame.f_globals.get("__name__", "").startswith(_NOT_WITHIN):
            return True
        frame = frame.f_back
    return False
