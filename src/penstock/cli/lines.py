"""Tells of a run line by line, where nothing can be drawn over: a log, a pipe, a build server.

A step's end, failure and retry are told as they happen; its start only if it takes longer than a second; a map by a count now
and then, never an item a line.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from typing import Final

from penstock.cli.board import Bar, Board
from penstock.cli.ink import Ink
from penstock.cli.rows import told
from penstock.cli.text import duration, number, plural
from penstock.model import events as e

LOOK_SECONDS: Final = 0.25
START_SECONDS: Final = 1.0
COUNT_SECONDS: Final = 5.0

_SIGN_OF: Final = {e.Paused: "paused", e.Resumed: "running", e.CancelAsked: "cancelled"}


class Lines:
    """An Observer that tells; it is to be told after the board. `out` prints one line."""

    def __init__(self, board: Board, ink: Ink, out: Callable[[str], None]) -> None:
        self._board = board
        self._ink = ink
        self._out = out
        self._told: dict[str, float] = {}  # maps and long steps: when they were last spoken of
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="penstock-lines", daemon=True)

    def start(self) -> None:
        """Begin to look for steps that take long."""
        self._thread.start()

    def stop(self) -> None:
        """Say no more."""
        self._over.set()
        if self._thread.is_alive():
            self._thread.join(timeout=2.0)

    def say(self, lines: Sequence[str]) -> None:
        """Print lines."""
        for line in lines:
            self._out(line)

    def recorded(self, run: str, workflow: str, sequence: int, at: float, event: e.Event) -> None:
        """See Observer.recorded."""
        step = getattr(event, "step", None)
        if step is not None and run == self._board.run:
            self._of_step(self._board.bar(step), at, event)
        elif type(event) in _SIGN_OF:
            self._line(at, _SIGN_OF[type(event)], e.KIND_OF[type(event)].replace("_", " "))

    def _of_step(self, bar: Bar, at: float, event: e.Event) -> None:
        match event:
            case e.StepDone() if not bar.is_map or bar.status in ("completed", "failed"):
                self._settled(bar, at)
            case e.StepFailed():
                self._failed(bar, at, event)
            case e.StepSkipped():
                self._line(at, "skipped", f"{bar.name}  skipped: {event.reason}")
            case e.StepReused() if event.item is not None:
                if bar.status in ("completed", "failed"):
                    self._settled(bar, at)
            case e.StepReused():
                self._line(at, "reused", f"{bar.name}  taken from run {event.source[:8]}")

    def _settled(self, bar: Bar, at: float) -> None:
        seconds = duration(bar.seconds(at) or 0.0)
        if bar.is_map:
            if bar.total is None:
                return  # nobody knows whether more will come
            failed = f", {number(bar.failed)} failed" if bar.failed else ""
            self._line(
                at, bar.status, f"{bar.name}  {plural(bar.done + bar.failed, 'item')}{failed} in {seconds}"
            )
        else:
            self._line(at, "completed", f"{bar.name}  {seconds}")

    def _failed(self, bar: Bar, at: float, event: e.StepFailed) -> None:
        item = f" item {event.item}" if event.item is not None else ""
        said = told(event.error.type, event.error.message).split("\n", 1)[0]
        if event.error.cause == "lost":
            self._line(at, "retry", f"{bar.name}{item}  was interrupted: runs again")
        elif event.retry_at is None:
            self._line(at, "failed", f"{bar.name}{item}  {said}")
        elif bar.retries <= 10 or bar.retries % 100 == 0:
            wait = event.retry_at - at
            again = f"again in {duration(wait)}" if wait >= 0.001 else "again at once"
            self._line(at, "retry", f"{bar.name}{item}  attempt {event.attempt}: {said}; {again}")

    def _watch(self) -> None:
        while not self._over.wait(LOOK_SECONDS):
            now = time.time()
            for bar in list(self._board.bars.values()):
                if bar.status == "running" and bar.started is not None:
                    self._long(bar, now, now - bar.started)

    def _long(self, bar: Bar, now: float, seconds: float) -> None:
        last = self._told.get(bar.name)
        if last is None and seconds >= START_SECONDS and not bar.is_map:
            self._line(now, "running", f"{bar.name}  running")
        elif bar.is_map and now - (last or bar.started or now) >= COUNT_SECONDS:
            of = f" of {number(bar.total)}" if bar.total is not None else ""
            self._line(now, "running", f"{bar.name}  {number(bar.done + bar.failed)}{of} items")
        else:
            return
        self._told[bar.name] = now

    def _line(self, at: float, sign: str, text: str) -> None:
        clock = time.strftime("%H:%M:%S", time.localtime(at))
        self._out(f"{self._ink(clock, 'dim')} {self._ink.sign(sign)} {text}")
