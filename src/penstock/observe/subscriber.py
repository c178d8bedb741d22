"""One handler that subscribed to events, and how it is called.

It is started inline. A coroutine function runs to its first suspension and goes on as a task that the bus holds; where no
event loop runs, on a loop in a thread of the bus's own. A plain function that is slow is from then on called in a thread of
its own, which takes events from a bounded queue: a handler may be slow, but it slows no run.

Slow is what takes over 5 ms by itself. A quick handler may take as long when other threads have the processor; so one that took
less than 100 ms is looked at more closely the next time, and one that was moved and is quick there comes back.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from asyncio import _get_running_loop
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Final

from penstock.context.eager import begin
from penstock.observe.lane import QUICK_SECONDS, SlowLane

Callback = Callable[[dict[str, Any]], Any]

SLOW_SECONDS: Final = 0.1
"""What no handler takes that is only kept waiting by others."""

RETURN_SECONDS: Final = 1.0
"""How long a run waits for a handler to see what is in its queue, so that it can be called by the run again."""


class Subscriber:
    """A callback and how it got on: its calls, its failures, whether it is slow."""

    def __init__(self, type: str, callback: Callback) -> None:
        self.type = type
        self.callback = callback
        self.calls = 0
        self.failures = 0
        self.slow = False
        self._suspected = False
        self._lane: SlowLane | None = None
        self._dropped = 0  # by lanes that it has left
        self._held: set[asyncio.Task[Any]] = set()
        self._lock = threading.Lock()

    @property
    def waiting(self) -> int:
        """Events that it has yet to see, or is still at work on."""
        return len(self._held) + (self._lane.waiting if self._lane is not None else 0)

    @property
    def dropped(self) -> int:
        """Events that it will not see: its queue was full."""
        return self._dropped + (self._lane.dropped if self._lane is not None else 0)

    def start(self, event: dict[str, Any]) -> None:
        """Begin to call it; what takes its time goes on without the caller."""
        lane = self._lane
        if lane is not None and not (lane.quick and self._return(lane)):
            lane.put(event)
            return
        timer = _Timer() if self._suspected else None
        began = time.perf_counter()
        result = self._call(event)
        if hasattr(result, "__await__"):
            self._start_async(_awaited(result))
            return
        took = time.perf_counter() - began
        if took > QUICK_SECONDS or timer is not None:
            self._judge(took, timer)

    def run(self, event: dict[str, Any]) -> asyncio.Future[Any] | None:
        """Call it on the running loop's thread: what to wait for until it has run, None if it has."""
        if self._lane is not None:
            return asyncio.wrap_future(self._lane.put_and_tell(event))
        result = self._call(event)
        if not hasattr(result, "__await__"):
            return None
        return self._begin(_awaited(result), asyncio.get_running_loop())

    def flush(self, seconds: float) -> bool:
        """Wait until it has seen what it was told of. Of tasks on somebody else's loop nothing can be waited for."""
        return self._lane is None or self._lane.flush(seconds)

    def close(self) -> None:
        """It is told of nothing more; what its queue holds it still sees."""
        if self._lane is not None:
            self._lane.close()

    def _call(self, event: dict[str, Any]) -> Any:
        with self._lock:
            self.calls += 1
        try:
            return self.callback(event)
        except KeyboardInterrupt:
            raise
        except BaseException:
            self._failed()
            return None

    def _failed(self) -> None:
        with self._lock:
            self.failures += 1
        logging.getLogger("penstock").exception(
            "the handler %r of %r events raised; nobody else is hurt", self.callback, self.type
        )

    def _judge(self, took: float, timer: _Timer | None) -> None:
        if took > SLOW_SECONDS or (timer is not None and timer.own_seconds(took) > QUICK_SECONDS):
            self._move()
        self._suspected = timer is None

    def _move(self) -> None:
        with self._lock:
            if self._lane is not None:
                return
            self._lane = SlowLane(self._call)
            self.slow = True
        logging.getLogger("penstock").warning(
            "the handler %r of %r events takes more than %g ms: it is called in a thread of its own now",
            self.callback,
            self.type,
            QUICK_SECONDS * 1000,
        )

    def _return(self, lane: SlowLane) -> bool:
        """Leave the lane when it is empty; False if that takes too long."""
        if not lane.flush(RETURN_SECONDS):
            return False
        with self._lock:
            if self._lane is lane:
                self._lane = None
                self.slow = False
                self._dropped += lane.dropped
                lane.close()
        return True

    # Coroutines

    def _start_async(self, work: Coroutine[Any, Any, object]) -> None:
        loop = _get_running_loop()
        if loop is not None:
            self._begin(work, loop)
            return
        from penstock.observe.courier import courier

        done = courier.take(self._guarded(work))
        if not self.slow:
            self.slow = not done.wait(QUICK_SECONDS)

    def _begin(
        self, work: Coroutine[Any, Any, object], loop: asyncio.AbstractEventLoop
    ) -> asyncio.Task[Any] | None:
        """Run it to its first suspension on this thread's loop; the task that it goes on as, None if it has ended."""
        try:
            _, task = begin(self._guarded(work), loop)
        except asyncio.CancelledError:  # of its own making
            self._failed()
            return None
        if task is None:
            return None
        self._held.add(task)
        task.add_done_callback(self._held.discard)
        return task

    async def _guarded(self, work: Coroutine[Any, Any, object]) -> None:
        try:
            await work
        except (KeyboardInterrupt, GeneratorExit):
            raise
        except BaseException as error:
            if isinstance(error, asyncio.CancelledError):
                raise
            self._failed()


class _Timer:
    """Tells what a thread did by itself from what it was kept waiting for."""

    def __init__(self) -> None:
        self._thread, self._process = time.thread_time(), time.process_time()

    def own_seconds(self, took: float) -> float:
        """Of the seconds since, those in which this thread worked, or no thread of the process did."""
        worked = time.thread_time() - self._thread
        return max(worked, took - (time.process_time() - self._process))


async def _awaited(result: Awaitable[object]) -> object:
    return await result
