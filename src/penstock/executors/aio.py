"""Runs coroutine functions on an event loop: one in a thread of its own, or the caller's.

Given a loop, `submit` and `stop` are to be called on that loop's thread; else any thread may call. Plain functions run in
threads. A stopped step is cancelled and may take its time to end; nobody waits for it.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from functools import partial
from threading import Event, Lock, Thread, current_thread
from typing import Any

from penstock.context import resources
from penstock.context.calls import ainvoke, failed
from penstock.context.eager import begin
from penstock.context.references import is_async
from penstock.errors import WorkerLost
from penstock.executors.refusal import closed, title
from penstock.executors.telling import tell
from penstock.executors.threads import ThreadExecutor
from penstock.model.failure import failure_of
from penstock.ports import Job, Outcome

Ended = Callable[[Any, Outcome], None]

STOP_SECONDS = 0.1  # how long `stop` waits for a cancelled step to end, where it can wait
THREADS = 32  # for plain functions
CLOSE_SECONDS = 5.0  # how long cancelled steps may take to end when the loop does
LOST_SECONDS = 0.1  # after which a loop that cancelled a step and still runs was not about to end


class _Ticket:
    """A job on its way; `void` says that nobody wants its answer, `gone` tells a waiting `stop` that its code runs no more."""

    __slots__ = ("begun", "ended", "gone", "job", "task", "void")

    def __init__(self, job: Job, ended: Ended) -> None:
        self.job = job
        self.ended = ended
        self.task: asyncio.Task[Outcome] | None = None
        self.begun = False
        self.void = False
        self.gone: Event | None = None


class AioExecutor:
    """At most `slots` coroutines at once, first come first served."""

    def __init__(
        self, slots: int = 1000, *, loop: asyncio.AbstractEventLoop | None = None, name: str = "asyncio"
    ) -> None:
        self.name = name
        self.slots: int | None = slots
        self._most = slots
        self._thread_slots = min(slots, THREADS)
        self._loop: asyncio.AbstractEventLoop  # one of its own is made when it is first needed
        if loop is not None:
            self._loop = loop
        self._thread = Thread(target=self._run_loop, name="penstock-asyncio", daemon=True)
        self._own = loop is None
        self._threads: ThreadExecutor | None = None
        self._tickets: dict[Any, _Ticket] = {}
        self._waiting: deque[_Ticket] = deque()
        self._tasks: set[asyncio.Task[Outcome]] = set()  # those of stopped steps too
        self._running = 0
        self._kicked = False
        self._closed = False
        self._drained: asyncio.Future[None] | None = None
        self._lock = Lock()
        resources.hold()

    def check(self, fn: Callable[..., Any], timeout: float | None) -> None:
        """See Executor.check. Everything can run here: plain functions run in threads."""

    def submit(self, job: Job, ended: Ended) -> None:
        """See Executor.submit. On a given loop a step that does not suspend has ended when this returns."""
        outcome = self.begin(job, ended)
        if outcome is not None:
            self._kicked = True  # what its end sets in motion takes its turn
            try:
                tell(ended, job.token, outcome)
            finally:
                self._kicked = False
            if self._waiting:
                self._start_waiting()

    def begin(self, job: Job, ended: Ended) -> Outcome | None:
        """See engine.aio_driver.Coroutines. On a loop of its own, each step takes its turn."""
        if self._closed:
            closed(self.name)
        if not is_async(job.fn):
            self._for_plain().submit(job, ended)
        elif self._own:
            self._line_up(job, ended)
            if not self._kicked:
                self._kicked = True
                self._running_loop().call_soon_threadsafe(self._start_waiting)
        elif self._kicked or self._waiting or self._running >= self._most:
            self._line_up(job, ended)
        else:
            return self._begin_at_once(job, ended)
        return None

    def _line_up(self, job: Job, ended: Ended) -> None:
        ticket = self._tickets[job.token] = _Ticket(job, ended)
        self._waiting.append(ticket)

    def stop(self, token: Any) -> bool:
        """See Executor.stop. True if it had not begun, or ended at once when it was cancelled."""
        with self._lock:
            ticket = self._tickets.pop(token, None)
            if ticket is not None:
                ticket.void = True
        if ticket is None:
            return self._threads is None or self._threads.stop(token)
        if ticket.job.context is not None:
            ticket.job.context.cancel()
        return self._cancel(ticket) if ticket.begun else True

    def close(self, *, wait: bool = True) -> None:
        """See Executor.close. A given loop closes it as it runs on, which `aclose` awaits; one that has ended holds nothing."""
        if self._closed:
            return
        self._closed = True
        if not self._own:
            if not self._loop.is_closed():
                self._closing = self._loop.create_task(self._end_steps(wait))
            elif self._threads is not None:
                self._threads.close(wait=False)
        else:
            if self._thread.is_alive():
                asyncio.run_coroutine_threadsafe(self._end_loop(wait), self._loop)
                if current_thread() is not self._thread:
                    self._thread.join(None if wait else CLOSE_SECONDS + 1)
            if self._threads is not None:
                self._threads.close(wait=wait)
        resources.release()

    async def aclose(self, *, wait: bool = True) -> None:
        """Close, on the given loop; with `wait` what was submitted ends first, else it is cancelled."""
        if not self._closed:
            self.close(wait=wait)
        await self._closing

    async def _end_steps(self, wait: bool) -> None:
        await self._settle(wait)
        if self._threads is not None:
            await asyncio.to_thread(self._threads.close, wait=wait)

    def _for_plain(self) -> ThreadExecutor:
        with self._lock:
            if self._threads is None:
                self._threads = ThreadExecutor(self._thread_slots, name=self.name)
            return self._threads

    def _running_loop(self) -> asyncio.AbstractEventLoop:
        with self._lock:
            if self._thread.ident is None:
                self._loop = asyncio.new_event_loop()
                self._thread.start()
        return self._loop

    def _cancel(self, ticket: _Ticket) -> bool:
        if not self._own or current_thread() is self._thread:
            self._cancel_now(ticket)
            return False
        ticket.gone = Event()
        self._loop.call_soon_threadsafe(self._cancel_now, ticket)
        return ticket.gone.wait(STOP_SECONDS)

    # ── on the loop's thread ────────────────────────────────────────────────────────────────────────────────────────

    def _run_loop(self) -> None:
        asyncio.set_event_loop(self._loop)
        while not self._loop.is_closed():
            try:
                self._loop.run_forever()
            except (
                KeyboardInterrupt,
                SystemExit,
            ):  # a task of a step's own raised it: that is no reason to end
                continue
            self._loop.close()

    def _start_waiting(self) -> None:
        """Begin what waits, oldest first. What is submitted meanwhile, by whom a step's end was told, takes its turn."""
        self._kicked = True
        try:
            while self._waiting and self._running < self._most:
                ticket = self._waiting.popleft()
                with self._lock:
                    ticket.begun = not ticket.void
                if ticket.begun:
                    self._running += 1
                    outcome, task = self._begin(ticket.job)
                    if task is not None:
                        self._follow(ticket, task)
                    elif outcome is not None:
                        self._end(ticket, outcome)
        finally:
            self._kicked = False
        if self._waiting and self._running < self._most:  # it came between the last look and the flag
            self._start_waiting()

    def _begin_at_once(self, job: Job, ended: Ended) -> Outcome | None:
        """Begin a step on a given loop where nothing waits before it; what its end sets in motion takes its turn."""
        self._kicked = True
        try:
            outcome, task = self._begin(job)
        finally:
            self._kicked = False
        if task is not None:
            ticket = self._tickets[job.token] = _Ticket(job, ended)
            ticket.begun = True
            self._running += 1
            self._follow(ticket, task)
        if self._waiting:
            self._start_waiting()
        return outcome

    def _begin(self, job: Job) -> tuple[Outcome | None, asyncio.Task[Outcome] | None]:
        try:
            return begin(ainvoke(job), self._loop)
        except (
            BaseException
        ) as error:  # CancelledError or KeyboardInterrupt of the step's own; the rest is in the outcome
            if isinstance(error, KeyboardInterrupt) and not self._own:
                raise  # on the caller's thread it may be Ctrl-C
            return failed(error), None

    def _follow(self, ticket: _Ticket, task: asyncio.Task[Outcome]) -> None:
        ticket.task = task
        self._tasks.add(task)
        task.add_done_callback(partial(self._done, ticket))

    def _done(self, ticket: _Ticket, task: asyncio.Task[Outcome]) -> None:
        self._tasks.discard(task)
        if task.cancelled() and task.cancelling() and not ticket.void:
            # By none of us: most likely the loop is ending, and then nobody is to be told of a failure.
            self._loop.call_later(LOST_SECONDS, self._ended, ticket, _lost(ticket))
            return
        try:
            outcome = task.result()
        except (
            BaseException
        ) as error:  # CancelledError of the step's own, KeyboardInterrupt: the rest is in the outcome
            outcome = failed(error)
        self._ended(ticket, outcome)

    def _ended(self, ticket: _Ticket, outcome: Outcome) -> None:
        self._end(ticket, outcome)
        self._start_waiting()

    def _end(self, ticket: _Ticket, outcome: Outcome) -> None:
        self._running -= 1
        if ticket.gone is not None:
            ticket.gone.set()
        with self._lock:
            wanted = self._tickets.pop(ticket.job.token, None) if not ticket.void else None
        if wanted is not None:
            tell(ticket.ended, ticket.job.token, outcome)
        if self._drained is not None:
            self._look_whether_drained()

    def _cancel_now(self, ticket: _Ticket) -> None:
        if ticket.task is not None and not ticket.task.done():
            ticket.task.cancel()
        elif ticket.gone is not None:
            ticket.gone.set()
        self._look_whether_drained()

    def _look_whether_drained(self) -> None:
        if self._drained is not None and not self._tickets and not self._drained.done():
            self._drained.set_result(None)

    async def _settle(self, wait: bool) -> None:
        """Wait for what was submitted, or cancel it; then close what was opened on this loop."""
        if wait and self._tickets:
            self._drained = self._loop.create_future()
            await self._drained
        for token in list(self._tickets):
            self.stop(token)
        if others := self._tasks - {asyncio.current_task()}:
            await asyncio.wait(others, timeout=CLOSE_SECONDS)
        await resources.aclose_all()

    async def _end_loop(self, wait: bool) -> None:
        await self._settle(wait)
        await self._loop.shutdown_asyncgens()
        self._loop.stop()


def _lost(ticket: _Ticket) -> Outcome:
    error = WorkerLost(f"the task that ran {title(ticket.job.fn)} was cancelled, and not by the run")
    return Outcome(None, failure_of(error, cause="lost"))
