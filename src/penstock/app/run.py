"""A run as its user holds it: alive in this process, or known from the store."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from typing import Any, Generic, Protocol, TypeVar

from penstock.app.interrupts import Interruptible
from penstock.app.steps import Steps, run_failed
from penstock.errors import RunCancelled, StepTimeout
from penstock.model import events as e
from penstock.model import machine
from penstock.model.bulletin import bulletin_of
from penstock.model.failure import Failure
from penstock.model.program import Definition, Map
from penstock.model.states import FINISHED, RunStatus

T = TypeVar("T")


class RunEngine(Protocol):
    """What a run's handle asks of the engine it came from."""

    def status_of(self, run_id: str) -> RunStatus: ...
    def outcome_of(self, run_id: str) -> machine.Outcome: ...
    def events_of(self, run_id: str, after: int = 0) -> list[tuple[int, float, e.Event]]: ...
    def wait_for(
        self, run_id: str, statuses: Iterable[RunStatus], timeout: float | None = None
    ) -> RunStatus: ...
    def command(self, run_id: str, kind: str, reason: str = "") -> None: ...
    def signal(self, run_id: str, name: str, value: Any, *, key: str | None = None) -> None: ...
    def resume(self, run_id: str, definition: Definition | None = None) -> Run[Any]: ...


class Run(Generic[T]):
    """One execution of a workflow.

    Every method that waits or writes has a twin `..._async`. A run that another process drives is watched through the
    store; commands reach it through its inbox.
    """

    def __init__(
        self,
        engine: RunEngine,
        id: str,
        workflow: str,
        live: machine.Run | None = None,
        definition: Definition | None = None,
    ) -> None:
        self._engine = engine
        self._live = live
        self._definition = definition  # its code, where this process has it: in a shell it is nowhere else
        self._final: machine.Outcome | None = None
        self._error: BaseException | None = None
        self._waiting: threading.Event | None = None
        self._when_over: list[Callable[[], object]] = []
        self.id = id
        self.workflow = workflow
        self.over = False
        self.elsewhere = False  # begun here, but another engine was quicker
        self.rested = False  # it was paused, and let go of

    # What became of it

    @property
    def status(self) -> RunStatus:
        """pending, running, paused, completed, failed or cancelled."""
        live = self._live
        return self._engine.status_of(self.id) if live is None or live.gone else live.status

    @property
    def error(self) -> Failure | None:
        """How it failed, if it did."""
        final = self._outcome() if self.status == "failed" else None
        return final[1] if final is not None else None

    def result(self, timeout: float | None = None) -> T:
        """Wait until the run has finished, `timeout` seconds at most, and return its value.

        Raises RunFailed (its cause is the step's own exception where that is at hand), RunCancelled, StepTimeout if the wait
        was too long, or the error that took the run away from this process.
        """
        if not self.over:
            self._await(timeout)
        if self._error is not None:
            raise self._error
        kind, value = self._outcome()
        if kind == "completed":
            return value  # type: ignore[no-any-return]
        if kind == "failed":
            raise run_failed(self.id, self.workflow, value) from value.exception
        raise RunCancelled(
            f"run {self.id} of {self.workflow!r} was cancelled{f': {value}' if value else ''}", run_id=self.id
        )

    async def result_async(self, timeout: float | None = None) -> T:
        """See `result`; does not block the event loop."""
        if not self.over:
            await self._await_async(timeout)
        return self.result()

    async def wait_async(self, timeout: float | None = None) -> RunStatus:
        """See `wait`; does not block the event loop."""
        await self._await_async(timeout)
        return self.status

    async def _await_async(self, timeout: float | None) -> None:
        import asyncio

        if self._live is None:
            await asyncio.to_thread(self._await, timeout)
            return
        loop, here = asyncio.get_running_loop(), threading.get_ident()
        over = loop.create_future()

        def tell() -> None:
            if threading.get_ident() == here:
                _resolve(over)
            else:
                loop.call_soon_threadsafe(_resolve, over)

        self._when_over.append(tell)
        try:
            if not self.left:
                await (over if timeout is None else asyncio.wait_for(over, timeout))
        except TimeoutError:
            raise StepTimeout(f"run {self.id} is still {self.status} after {timeout} s") from None
        finally:
            self._when_over.remove(tell)  # this loop may end before the run does
        if self.elsewhere:
            await asyncio.to_thread(self._await, timeout)

    def wait(self, timeout: float | None = None) -> RunStatus:
        """Wait until the run has finished and return its status. Raises StepTimeout after `timeout` seconds."""
        self._await(timeout)
        return self.status

    def _await(self, timeout: float | None) -> None:
        if self._live is None:
            self._engine.wait_for(self.id, FINISHED, timeout)
        elif not self.over:
            waiting = self._waiting = self._waiting or threading.Event()
            if self.left:  # in the meantime, by another thread
                waiting.set()
            with Interruptible():
                over = waiting.wait(timeout)
            if not over:
                raise StepTimeout(f"run {self.id} is still {self.status} after {timeout} s")
            if self.elsewhere:
                self._await(timeout)

    @property
    def steps(self) -> Steps:
        """Its steps by name: `run.steps["clean"].result`."""
        return Steps(self.id, self.workflow, self._live, lambda after: self._engine.events_of(self.id, after))

    def size_of(self, step: str) -> int | None:
        """How many items a map has; None where it did not begin yet, is no map, or another process drives the run."""
        found = None
        if self._live is not None:
            found = self._live.open.get(step) or self._live.others.get(step)
        return len(found.ask.items) if found is not None and isinstance(found.ask, Map) else None

    def events(self) -> list[tuple[int, float, e.Event]]:
        """Its log: (sequence, seconds since 1970, event). Of an ephemeral run only what the ring still holds."""
        return self._engine.events_of(self.id)

    def published(self) -> dict[str, Any]:
        """What it tells of itself, by name: the newest values that its function published."""
        live = self._live
        if live is not None and not live.gone:
            return dict(live.published)
        return bulletin_of(event for _, _, event in self.events())

    # What may be asked of it

    def cancel(self, reason: str = "") -> None:
        """Stop what runs, start nothing more, end. Raises CommandRefused if the run has finished."""
        self._engine.command(self.id, "cancel", reason)

    def pause(self, reason: str = "") -> None:
        """Let running steps end and start none. Raises CommandRefused if it is paused or has finished."""
        self._engine.command(self.id, "pause", reason)

    def resume(self) -> Run[T]:
        """Go on: end a pause, take up a run whose process is gone, or reopen a failed one."""
        return self._engine.resume(self.id, self._definition)

    def signal(self, name: str, value: Any = None, *, key: str | None = None) -> None:
        """Send a message into the run; the same key is taken once."""
        self._engine.signal(self.id, name, value, key=key)

    def approve(self, name: str = "approval", *, by: str = "", comment: str = "") -> None:
        """Let a run go on that waits for approval, now or later. See Workflow.add_approval and functions.approval."""
        self.signal(name, {"approved": True, "by": by, "comment": comment})

    def reject(self, name: str = "approval", *, by: str = "", comment: str = "") -> None:
        """Say no to a run that waits for approval: the step fails, with who said so and the comment."""
        self.signal(name, {"approved": False, "by": by, "comment": comment})

    async def cancel_async(self, reason: str = "") -> None:
        """See `cancel`."""
        import asyncio

        await asyncio.to_thread(self.cancel, reason)

    async def pause_async(self, reason: str = "") -> None:
        """See `pause`."""
        import asyncio

        await asyncio.to_thread(self.pause, reason)

    async def resume_async(self) -> Run[T]:
        """See `resume`."""
        import asyncio

        return await asyncio.to_thread(self.resume)

    async def signal_async(self, name: str, value: Any = None, *, key: str | None = None) -> None:
        """See `signal`."""
        import asyncio

        await asyncio.to_thread(self.signal, name, value, key=key)

    async def approve_async(self, name: str = "approval", *, by: str = "", comment: str = "") -> None:
        """See `approve`."""
        await self.signal_async(name, {"approved": True, "by": by, "comment": comment})

    async def reject_async(self, name: str = "approval", *, by: str = "", comment: str = "") -> None:
        """See `reject`."""
        await self.signal_async(name, {"approved": False, "by": by, "comment": comment})

    # For the engine

    def when_over(self, tell: Callable[[], object]) -> None:
        """The engine's: have `tell` called, from any thread, when the run has left this process."""
        self._when_over.append(tell)
        if self.left:
            tell()

    @property
    def left(self) -> bool:
        """The engine's: whether this process drives it no more, or never did."""
        return self.over or self.elsewhere

    def finished(self, final: machine.Outcome | None, error: BaseException | None = None) -> None:
        """The engine's: the run has left this process, with an outcome or without."""
        self._final, self._error = final, error
        self.over = True
        if self._waiting is not None:
            self._waiting.set()
        for tell in list(self._when_over):
            tell()

    def follow(self) -> None:
        """The engine's: another engine was quicker to begin this run, which is now its; from here on it is watched."""
        self._live = None
        self.elsewhere = True
        if self._waiting is not None:
            self._waiting.set()
        for tell in list(self._when_over):
            tell()

    def _outcome(self) -> machine.Outcome:
        if self._final is None:
            self._final = self._engine.outcome_of(self.id)
        return self._final

    def __repr__(self) -> str:
        return f"<Run {self.id} of {self.workflow}: {self.status}>"


def _resolve(future: Any) -> None:
    if not future.done():
        future.set_result(None)
