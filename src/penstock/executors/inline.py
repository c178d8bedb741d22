"""Runs a step in `submit`, on the thread that calls it: what a sequential run needs, and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from penstock.context import resources
from penstock.context.calls import invoke
from penstock.context.references import is_async
from penstock.errors import DefinitionError
from penstock.executors.refusal import closed, refuse_async
from penstock.ports import Job, Outcome


class InlineExecutor:
    """`ended` is called before `submit` returns. A timeout cannot be kept here, so it is refused."""

    def __init__(self, *, name: str = "inline") -> None:
        self.name = name
        self.slots: int | None = 1
        self._running: list[Job] = []
        self._stopped: set[Any] = set()
        self._closed = False
        resources.hold()

    def check(self, fn: Callable[..., Any], timeout: float | None) -> None:
        """See Executor.check."""
        if timeout is not None:
            raise DefinitionError(
                f"{fn.__module__}.{fn.__qualname__} has timeout={timeout:g}, which the inline executor cannot keep: it "
                "runs a step on the caller's own thread. Use executor='threads' or 'processes', or no timeout"
            )
        if is_async(fn):
            refuse_async(fn, self.name)

    def submit(self, job: Job, ended: Callable[[Any, Outcome], None]) -> None:
        """See Executor.submit."""
        if self._closed:
            closed(self.name)
        self._running.append(job)
        try:
            outcome = invoke(job)
        finally:
            self._running.pop()
        if job.token in self._stopped:
            self._stopped.discard(job.token)
        else:
            ended(job.token, outcome)

    def stop(self, token: Any) -> bool:
        """See Executor.stop. The step, or another thread, may ask; the code runs on to its end."""
        for job in self._running:
            if job.token == token:
                self._stopped.add(token)
                if job.context is not None:
                    job.context.cancel()
                return False
        return True

    def close(self, *, wait: bool = True) -> None:
        """See Executor.close."""
        if not self._closed:
            self._closed = True
            resources.release()
