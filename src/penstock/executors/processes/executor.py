"""Steps in worker processes: kept warm, fed ahead while their jobs are short, replaced when they die. The port's side of it."""

from __future__ import annotations

import atexit
import os
from collections.abc import Callable
from itertools import count
from threading import Lock
from typing import Any

from penstock.context import stop_if_loading_main
from penstock.context.references import is_async
from penstock.errors import UserError
from penstock.executors.processes import parcels
from penstock.executors.processes.crew import Crew
from penstock.executors.processes.dispatcher import Dispatcher
from penstock.executors.processes.hired import Ticket
from penstock.executors.processes.main_script import alias_main
from penstock.executors.refusal import closed, refuse_async
from penstock.model.failure import failure_of
from penstock.ports import Job, Outcome


class ProcessExecutor:
    """At most `slots` steps at once, each in a process of its own, first come first served.

    `ahead` more may be submitted to good purpose: a worker whose jobs are short begins the next one without a round trip.
    """

    def __init__(self, slots: int | None = None, *, name: str = "processes") -> None:
        stop_if_loading_main()
        workers = slots or len(os.sched_getaffinity(0))
        self.name = name
        self.slots: int | None = workers
        self.ahead = 4 * workers
        self._lock = Lock()
        self._crew = Crew(workers)
        self._dispatcher = Dispatcher(self._crew, self._lock)
        self._numbers = count(1)
        self._process = os.getpid()
        self._closed = False
        alias_main()
        atexit.register(self.close, wait=False)

    def check(self, fn: Callable[..., Any], timeout: float | None) -> None:
        """See Executor.check. The function must be one that another process can find by its name."""
        if is_async(fn):
            refuse_async(fn, self.name)
        parcels.check(fn)

    def submit(self, job: Job, ended: Callable[[Any, Outcome], None]) -> None:
        """See Executor.submit. An argument that cannot be sent fails the job here and now."""
        try:
            frame = parcels.packed(job)
        except UserError as error:
            ended(job.token, Outcome(None, failure_of(error)))
            return
        with self._lock:
            if self._closed:
                closed(self.name)
            self._crew.add(Ticket(next(self._numbers), job, ended, frame))
            self._dispatcher.look()

    def stop(self, token: Any) -> bool:
        """See Executor.stop. The worker that runs the job is killed, with what the job started, and replaced."""
        with self._lock:
            stopped = self._crew.stop(token)
            self._dispatcher.look()
        return stopped

    def close(self, *, wait: bool = True) -> None:
        """See Executor.close. With `wait` what was submitted ends first, else it is stopped."""
        if os.getpid() != self._process:
            return  # in a fork of the program: the workers are not its own
        with self._lock:
            self._closed = True
            if not wait:
                self._crew.stop_all()
        self._dispatcher.finish()
        atexit.unregister(self.close)
