"""An event loop in a thread, for coroutines of handlers that are told of events where no loop runs."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from typing import Any


class Courier:
    """Runs coroutines, which raise nothing, on a loop of its own; the thread begins with the first."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._lock = threading.Lock()
        self._tasks: set[asyncio.Task[None]] = set()

    def take(self, work: Coroutine[Any, Any, None]) -> threading.Event:
        """Begin it soon; the event is set when it has ended."""
        done = threading.Event()
        self._running().call_soon_threadsafe(self._begin, work, done)
        return done

    def _begin(self, work: Coroutine[Any, Any, None], done: threading.Event) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        task.add_done_callback(lambda _: done.set())

    def _running(self) -> asyncio.AbstractEventLoop:
        with self._lock:
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                thread = threading.Thread(target=self._loop.run_forever, name="penstock-courier", daemon=True)
                thread.start()
            return self._loop


courier = Courier()
