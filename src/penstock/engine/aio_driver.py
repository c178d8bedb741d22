"""The driver on an event loop: async steps run on that loop, sync ones in threads; one callback, kicked when there is work."""

from __future__ import annotations

import threading
import time
from asyncio import _get_running_loop
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

from penstock.context import Context
from penstock.engine.driver import TURN_SECONDS, Driver
from penstock.engine.host import Host
from penstock.model.machine import Step
from penstock.model.policies import Need
from penstock.ports import Executor, Job, Outcome

if TYPE_CHECKING:
    import asyncio


class Coroutines(Executor, Protocol):
    """An executor of async steps on a loop that it was given. It is called on that loop's thread."""

    def begin(self, job: Job, ended: Callable[[Any, Outcome], None]) -> Outcome | None:
        """Run a job as `submit` does; the outcome of one that has ended already, of which `ended` hears nothing."""


class AioDriver(Driver):
    """Belongs to one loop and its thread. `coroutines` runs async steps there."""

    patient = False

    def __init__(self, host: Host, loop: asyncio.AbstractEventLoop, coroutines: Coroutines) -> None:
        super().__init__(host)
        self.loop = loop
        self._coroutines = coroutines
        self._thread = threading.get_ident()
        self._kicked = False
        self._turning = False
        self._timer: asyncio.TimerHandle | None = None

    def executor_for(self, need: Need) -> Executor | None:
        """Async steps run on the loop, sync ones in threads; "inline" means the loop's own thread."""
        name = need.executor
        if name == "asyncio" or (name is None and need.asynchronous):
            return self._coroutines
        return None if name == "inline" else self.host.executor(name or "threads")

    def post(self, what: Callable[..., None], *args: Any) -> None:
        if threading.get_ident() == self._thread:
            self.loop.call_soon(self._call, what, args)
        else:
            self.loop.call_soon_threadsafe(self._call, what, args)

    def post_or_call(self, what: Callable[..., None], *args: Any) -> None:
        if threading.get_ident() == self._thread:
            what(*args)
            if not self._kicked:
                self.kick()
        else:
            self.post(what, *args)

    def _call(self, what: Callable[..., None], args: tuple[Any, ...]) -> None:
        what(*args)
        self.kick()

    def launch(self, step: Step) -> None:
        """A coroutine that does not suspend has been answered when this returns."""
        if step.lane.executor is not self._coroutines:
            super().launch(step)
        elif self.core.begin(step, self.now()):
            job = self.job(step)
            context = self.flying[step] = job.context
            outcome = self._coroutines.begin(job, partial(self._answered, context))
            if outcome is not None:
                self.answer(context, step, outcome)

    def _answered(self, context: Context, step: Step, outcome: Outcome) -> None:
        if threading.get_ident() == self._thread:
            self.answer(context, step, outcome)
            self.kick()
        else:
            self.post(self.answer, context, step, outcome)

    def runs_here(self) -> bool:
        """Whether its loop is the one that runs on this thread."""
        return _get_running_loop() is self.loop

    def close(self) -> None:
        """Start no more steps on the loop; those that run there are cancelled. Called on the loop, or when it has ended."""
        self._coroutines.close(wait=False)

    def kick(self) -> None:
        """Have the loop turn this driver soon, unless it does so now and looks again before it ends."""
        if not (self._kicked or self._turning):
            self._kicked = True
            self.loop.call_soon(self._turn)

    def hold(self) -> bool:
        """On the loop: that no turn is scheduled until `turn_now`. False inside a turn: what is begun waits for the next."""
        if self._kicked or self._turning:
            return False
        self._kicked = True
        return True

    def turn_now(self) -> None:
        """Turn without waiting for the loop: a run whose steps do not suspend is over when this returns."""
        self._turn()

    def _turn(self) -> None:
        self._kicked = False
        self._turning, late = True, False
        end = time.perf_counter() + TURN_SECONDS
        try:
            while self.turn() and (self.ready or self.core.restless):
                if late := time.perf_counter() > end:
                    break
        except BaseException:
            late = True
            raise
        finally:
            self._turning = False
            if late:
                self.kick()
        self._arm()

    def _arm(self) -> None:
        """Come back when the next timer is due."""
        timers = self.core.timers
        if self._timer is None and not timers.spans and not timers.moments:
            return
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        seconds = timers.rest_seconds(self.now())
        if seconds is not None:
            self._timer = self.loop.call_later(seconds, self.kick)
