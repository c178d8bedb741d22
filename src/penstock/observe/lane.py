"""A bounded queue and a thread for one slow handler. The thread ends when there was nothing to do for a while."""

from __future__ import annotations

import atexit
import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final
from weakref import WeakSet

if TYPE_CHECKING:
    from concurrent.futures import Future

SLOW_EVENTS: Final = 10_000
"""So many events may wait for a slow handler; those that come then are dropped."""

QUICK_SECONDS: Final = 0.005
"""What a quick handler may take."""

QUICK_CALLS: Final = 20
"""After so many quick calls in a row a handler counts as quick again."""

IDLE_SECONDS: Final = 2.0
LAST_SECONDS: Final = 2.0
"""How long the end of the program waits for slow handlers."""

_Waiting = tuple[dict[str, Any], "Future[None] | None"]


class SlowLane:
    """Calls `call(event)` in a thread, in order."""

    def __init__(self, call: Callable[[dict[str, Any]], object], size: int = SLOW_EVENTS) -> None:
        self._call = call
        self._size = size
        self._queue: deque[_Waiting] = deque()
        self._change = threading.Condition()
        self._thread: threading.Thread | None = None
        self._busy = False
        self._closed = False
        self._quick_calls = 0
        self.dropped = 0
        _lanes.add(self)

    @property
    def waiting(self) -> int:
        """Events in the queue and in the handler's hands."""
        return len(self._queue) + self._busy

    @property
    def quick(self) -> bool:
        """Whether its last calls were all quick: it did not need this lane."""
        return self._quick_calls >= QUICK_CALLS

    def put(self, event: dict[str, Any]) -> bool:
        """Have it handled later. False: there was no room."""
        return self._put((event, None))

    def put_and_tell(self, event: dict[str, Any]) -> Future[None]:
        """The same, and a future that is done when it was handled, or dropped."""
        from concurrent.futures import Future

        done: Future[None] = Future()
        if not self._put((event, done)):
            done.set_result(None)
        return done

    def flush(self, seconds: float) -> bool:
        """Wait until nothing waits, so many seconds at most."""
        if threading.current_thread() is self._thread:
            return False
        with self._change:
            return self._change.wait_for(lambda: not (self._queue or self._busy), seconds)

    def close(self) -> None:
        """Let the thread end when the queue is empty."""
        with self._change:
            self._closed = True
            self._change.notify_all()

    def _put(self, waiting: _Waiting) -> bool:
        with self._change:
            if len(self._queue) >= self._size:
                self.dropped += 1
                first = self.dropped == 1
            else:
                self._queue.append(waiting)
                if self._thread is None:
                    self._thread = threading.Thread(
                        target=self._serve, name="penstock-slow-handler", daemon=True
                    )
                    self._thread.start()
                else:
                    self._change.notify_all()
                return True
        if first:
            logging.getLogger("penstock").warning(
                "%d events wait for the handler %r: what comes now is dropped", self._size, self._call
            )
        return False

    def _serve(self) -> None:
        while (taken := self._next()) is not None:
            event, done = taken
            began = time.perf_counter()
            try:
                self._call(event)
            finally:
                took = time.perf_counter() - began
                self._quick_calls = self._quick_calls + 1 if took <= QUICK_SECONDS else 0
                if done is not None:
                    done.set_result(None)
                with self._change:
                    self._busy = False
                    self._change.notify_all()

    def _next(self) -> _Waiting | None:
        """What is to be handled next; None: nothing came for a while, and the thread is to end."""
        with self._change:
            end = time.monotonic() + IDLE_SECONDS
            while not self._queue:
                left = end - time.monotonic()
                if self._closed or left <= 0:
                    self._thread = None
                    return None
                self._change.wait(left)
            self._busy = True
            return self._queue.popleft()


_lanes: WeakSet[SlowLane] = WeakSet()


@atexit.register
def _flush_all() -> None:
    """Let slow handlers see what they were told of before the program ends, if they can do so soon."""
    end = time.monotonic() + LAST_SECONDS
    for lane in list(_lanes):
        lane.flush(max(0.0, end - time.monotonic()))
