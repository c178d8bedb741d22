"""Draws a board over and over at the foot of a terminal while a run is driven, in a thread of its own.

What is drawn is erased before anything else is printed and when the run is over. A run that ends at once is never drawn.
Whatever else the process writes to its streams meanwhile, a warning say, appears above the drawing.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Sequence
from typing import Any, Final, TextIO

from penstock.cli.board import Board
from penstock.cli.ink import Ink
from penstock.cli.rows import Look, fitting, rows
from penstock.cli.text import cut, duration, plural

FIRST_SECONDS: Final = 0.15
FRAME_SECONDS: Final = 0.1


class Live:
    """Draws from `start` to `stop`; `say` prints lines above the drawing."""

    def __init__(self, board: Board, ink: Ink) -> None:
        self._board = board
        self._ink = ink
        self._stream = sys.stdout
        self._streams = (sys.stdout, sys.stderr)
        self._drawn = 0
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._draw, name="penstock-screen", daemon=True)

    def start(self) -> None:
        """Begin to draw, a moment from now; to be called before anybody else wraps the streams."""
        sys.stdout, sys.stderr = (_Above(each, self) for each in self._streams)
        self._thread.start()

    def stop(self) -> None:
        """Erase the drawing and draw no more."""
        self._over.set()
        if self._thread.is_alive():
            self._thread.join(timeout=2.0)
        with self._lock:
            self._put([])
        for name, stream in zip(("stdout", "stderr"), self._streams, strict=True):
            if isinstance(getattr(sys, name), _Above):
                setattr(sys, name, stream)

    def say(self, lines: Sequence[str]) -> None:
        """Print lines for good, above the drawing."""
        with self._lock:
            self._put([], "".join(f"{line}\n" for line in lines))

    def _draw(self) -> None:
        frame = 0
        wait = FIRST_SECONDS
        while not self._over.wait(wait):
            frame, wait = frame + 1, FRAME_SECONDS
            with self._lock:
                self._put(self._frame(frame))

    def _frame(self, frame: int) -> list[str]:
        import shutil

        board, ink = self._board, self._ink
        if not board.run:
            return []
        columns, height = shutil.get_terminal_size()
        now = time.time()
        lines = rows(list(board.bars.values()), Look(ink, columns - 3, now, frame))
        shown = fitting(board, lines, max(3, height - 4), ink)
        drawing = ["", *(f" {line}" for line in shown), "", f" {foot(board, ink, now)}"]
        return [cut(line, columns - 1) for line in drawing]

    def _put(self, lines: Sequence[str], above: str = "") -> None:
        """Erase what was drawn, print `above`, draw `lines`: one write, so that nothing flickers."""
        erase = f"\x1b[{self._drawn}F\x1b[J" if self._drawn else ""
        hide = "\x1b[?25l" if lines else "\x1b[?25h" if self._drawn else ""
        if not (erase or above or lines):
            return
        drawing = "".join(f"{line}\n" for line in lines)
        self._stream.write(f"\x1b[?2026h{erase}{above}{hide}{drawing}\x1b[?2026l")
        self._stream.flush()
        self._drawn = len(lines)


class _Above:
    """A stream of the process while there is a drawing on the terminal: what is written appears above it, line by line."""

    def __init__(self, stream: TextIO, live: Live) -> None:
        self._stream = stream
        self._live = live
        self._rest = ""

    def write(self, text: str) -> int:
        *lines, self._rest = (self._rest + text).split("\n")
        if lines:
            self._live.say(lines)
        return len(text)

    def flush(self) -> None:
        self._stream.flush()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def foot(board: Board, ink: Ink, now: float) -> str:
    """The line below the steps: how long, how far, and what to know."""
    bars = list(board.bars.values())
    settled = sum(bar.status in ("completed", "skipped", "reused") for bar in bars)
    said = f"{duration(now - board.started)}  ·  {settled} of {plural(len(bars), 'step')}"
    if board.status == "paused":
        how = ink(f"paused; go on: penstock resume {board.run[:8]}", "warn")
        return f"{ink(said, 'dim')}  ·  {how}"
    return ink(f"{said}  ·  Ctrl-C leaves it, to be resumed", "dim")
