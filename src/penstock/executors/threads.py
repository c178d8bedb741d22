"""Runs steps in daemon threads, made when they are needed and kept for the next step.

Python cannot end a thread. A stopped step is asked to end (`context.cancelled`), its thread is left behind and another takes
its place; when the old one comes to its end its answer is dropped and it ends too.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from queue import SimpleQueue
from threading import Condition, Lock, Thread, current_thread
from typing import Any

from penstock.context import resources
from penstock.context.calls import failed, invoke
from penstock.context.references import is_async
from penstock.executors.refusal import closed, refuse_async, title
from penstock.executors.telling import tell
from penstock.ports import Job, Outcome

Ended = Callable[[Any, Outcome], None]


class _Ticket:
    """A job on its way; `thread` is the one that runs it, `void` says that nobody wants its answer."""

    __slots__ = ("ended", "job", "thread", "void")

    def __init__(self, job: Job, ended: Ended) -> None:
        self.job = job
        self.ended = ended
        self.thread: Thread | None = None
        self.void = False


class ThreadExecutor:
    """At most `slots` steps at once, first come first served."""

    def __init__(self, slots: int | None = None, *, name: str = "threads") -> None:
        self.name = name
        self.slots: int | None = slots or min(32, (os.cpu_count() or 1) + 4)
        self._queue: SimpleQueue[_Ticket | None] = SimpleQueue()
        self._tickets: dict[Any, _Ticket] = {}
        self._threads: set[Thread] = set()  # those left behind apart
        self._idle = 0
        self._queued = 0
        self._closed = False
        self._lock = Lock()
        self._gone = Condition(self._lock)
        resources.hold()

    def check(self, fn: Callable[..., Any], timeout: float | None) -> None:
        """See Executor.check."""
        if is_async(fn):
            refuse_async(fn, self.name)

    def submit(self, job: Job, ended: Ended) -> None:
        """See Executor.submit."""
        ticket = _Ticket(job, ended)
        with self._lock:
            if self._closed:
                closed(self.name)
            self._tickets[job.token] = ticket
            self._queued += 1
            self._queue.put(ticket)
            self._staff()

    def stop(self, token: Any) -> bool:
        """See Executor.stop: True while the step waits its turn, False once it runs."""
        with self._lock:
            ticket = self._tickets.pop(token, None)
            if ticket is None:
                return True
            ticket.void = True
            running = ticket.thread is not None
            if running:
                self._leave_behind(ticket)
                self._staff()
        if running:
            _warn(ticket)
        return not running

    def close(self, *, wait: bool = True) -> None:
        """See Executor.close. With `wait` what was submitted ends first, else it is dropped; none waits for stopped steps."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
            if not wait:
                self._drop_all()
            for _ in self._threads:
                self._queue.put(None)
            if wait:
                self._gone.wait_for(lambda: not self._threads - {current_thread()})
        resources.release()

    # ── with the lock held ──────────────────────────────────────────────────────────────────────────────────────────

    def _staff(self) -> None:
        assert self.slots is not None
        while self._queued > self._idle and len(self._threads) < self.slots:
            thread = Thread(target=self._work, name=f"penstock-{len(self._threads) + 1}", daemon=True)
            self._threads.add(thread)
            self._idle += 1
            thread.start()

    def _leave_behind(self, ticket: _Ticket) -> None:
        assert ticket.thread is not None
        self._threads.discard(ticket.thread)
        self._gone.notify_all()
        if ticket.job.context is not None:
            ticket.job.context.cancel()

    def _drop_all(self) -> None:
        for ticket in self._tickets.values():
            ticket.void = True
            if ticket.thread is not None:
                self._leave_behind(ticket)
        self._tickets.clear()

    def _begin(self, ticket: _Ticket, thread: Thread) -> bool:
        self._idle -= 1
        self._queued -= 1
        if ticket.void:
            self._idle += 1
            return False
        ticket.thread = thread
        return True

    def _end(self, ticket: _Ticket) -> bool:
        if ticket.void:
            return False
        del self._tickets[ticket.job.token]
        self._idle += 1
        return True

    # ── a worker thread ─────────────────────────────────────────────────────────────────────────────────────────────

    def _work(self) -> None:
        thread = current_thread()
        while (ticket := self._queue.get()) is not None:
            with self._lock:
                wanted = self._begin(ticket, thread)
            if wanted and not self._run(ticket):
                return
            del ticket  # an idle thread holds on to nothing
        with self._lock:
            self._threads.discard(thread)
            self._gone.notify_all()

    def _run(self, ticket: _Ticket) -> bool:
        """False when the thread was left behind meanwhile."""
        try:
            outcome = invoke(ticket.job)
        except KeyboardInterrupt as error:  # raised by the step itself: Ctrl-C reaches only the main thread
            outcome = failed(error)
        with self._lock:
            wanted = self._end(ticket)
        if wanted:
            tell(ticket.ended, ticket.job.token, outcome)
        return wanted


def _warn(ticket: _Ticket) -> None:
    import logging

    context = ticket.job.context
    logging.getLogger("penstock.executors").warning(
        "%s was stopped but still runs: its thread was left behind and its answer will be dropped",
        title(ticket.job.fn) if context is None else f"step {context.key}",
    )
