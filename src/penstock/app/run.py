"""A run as its user holds it: alive in this process, or known from the store."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from penstock.app.interrupts import Interruptible
from penstock.errors import RunCancelled, RunFailed, RunNotFound, StepTimeout
from penstock.model import events as e
from penstock.model import machine
from penstock.model.failure import Failure
from penstock.model.graph import nearest
from penstock.model.history import Attempt, StepRecord
from penstock.model.program import Definition, Map
from penstock.model.states import FINISHED, RunStatus, StepStatus

if TYPE_CHECKING:
    from penstock.app.engine import Engine

T = TypeVar("T")


class Run(Generic[T]):
    """One execution of a workflow.

    Every method has a twin `..._async`. A run that another process drives is watched through the store; commands reach it
    through its inbox.
    """

    def __init__(
        self,
        engine: Engine,
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
            raise _failed(self.id, self.workflow, value) from value.exception
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
        loop = asyncio.get_running_loop()
        over = loop.create_future()

        def tell() -> None:
            loop.call_soon_threadsafe(_resolve, over)

        self._when_over.append(tell)
        try:
            if not self.over:
                await asyncio.wait_for(over, timeout)
        except TimeoutError:
            raise StepTimeout(f"run {self.id} is still {self.status} after {timeout} s") from None
        finally:
            self._when_over.remove(tell)  # this loop may end before the run does

    def wait(self, timeout: float | None = None) -> RunStatus:
        """Wait until the run has finished and return its status. Raises StepTimeout after `timeout` seconds."""
        self._await(timeout)
        return self.status

    def _await(self, timeout: float | None) -> None:
        if self._live is None:
            self._engine.wait_for(self.id, FINISHED, timeout)
        elif not self.over:
            waiting = self._waiting = self._waiting or threading.Event()
            if self.over:  # in the meantime, by another thread
                waiting.set()
            with Interruptible():
                over = waiting.wait(timeout)
            if not over:
                raise StepTimeout(f"run {self.id} is still {self.status} after {timeout} s")

    @property
    def steps(self) -> Steps:
        """Its steps by name: `run.steps["clean"].result`."""
        return Steps(self)

    def size_of(self, step: str) -> int | None:
        """How many items a map has; None where it did not begin yet, is no map, or another process drives the run."""
        found = None
        if self._live is not None:
            found = self._live.open.get(step) or self._live.others.get(step)
        return len(found.ask.items) if found is not None and isinstance(found.ask, Map) else None

    def events(self) -> list[tuple[int, float, e.Event]]:
        """Its log: (sequence, seconds since 1970, event). Of an ephemeral run only what the ring still holds."""
        return self._engine.events_of(self.id)

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

    # For the engine

    def finished(self, final: machine.Outcome | None, error: BaseException | None = None) -> None:
        """The engine's: the run has left this process, with an outcome or without."""
        self._final, self._error = final, error
        self.over = True
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


class StepView:
    """One step of a run, as it is at this moment."""

    def __init__(
        self,
        run: Run[Any],
        name: str,
        status: StepStatus,
        record: StepRecord | None,
        value: Any,
        error: Failure | None,
    ) -> None:
        self.name = name
        self.status = status
        self.error = error
        self._value = value
        self._run = run
        self._record = record

    @property
    def attempts(self) -> list[Attempt]:
        """Every try of it so far, those of a map's items among them."""
        return self._told().attempts

    @property
    def items(self) -> Mapping[int, StepStatus]:
        """The states of a map's items, by index."""
        return self._told().items

    def _told(self) -> StepRecord:
        if self._record is None:
            self._record = self._run._engine.steps_of(self._run.id).get(self.name) or StepRecord(self.name)
        return self._record

    @property
    def result(self) -> Any:
        """Its value. Raises RunFailed if it failed and RunNotFound if it has none (yet)."""
        if self.status in ("completed", "reused"):
            return self._value
        if self.error is not None and self.status == "failed":
            raise _failed(self._run.id, self._run.workflow, self.error) from self.error.exception
        raise RunNotFound(f"step {self.name!r} of run {self._run.id} has no result: it is {self.status}")

    def __repr__(self) -> str:
        return f"<step {self.name}: {self.status}>"


class Steps(Mapping[str, StepView]):
    """The steps of a run by name. A step that was not asked for yet is waiting."""

    def __init__(self, run: Run[Any]) -> None:
        self._run = run

    def __getitem__(self, name: str) -> StepView:
        run, live = self._run, self._run._live
        if live is not None and not live.gone:
            view = _live_step(run, live, name)
            if view is not None:
                return view
        record = self._records().get(name)
        if record is not None:
            return StepView(run, name, record.status, record, _value_of(record), record.error)
        if live is not None and name in getattr(live.program, "nodes", ()):
            return StepView(run, name, "waiting", None, None, None)
        close = nearest(name, self._names())
        hint = f"; did you mean {close!r}?" if close else f"; it has {', '.join(self._names()) or 'none yet'}"
        raise RunNotFound(f"run {run.id} has no step {name!r}{hint}")

    def __iter__(self) -> Iterator[str]:
        return iter(self._names())

    def __len__(self) -> int:
        return len(self._names())

    def _names(self) -> list[str]:
        live = self._run._live
        if live is None or live.gone:
            return list(self._records())
        planned = getattr(live.program, "nodes", ())
        return [*dict.fromkeys([*live.results, *live.others, *live.open, *live.skipped, *planned])]

    def _records(self) -> dict[str, StepRecord]:
        return self._run._engine.steps_of(self._run.id)


def _resolve(future: Any) -> None:
    if not future.done():
        future.set_result(None)


def _live_step(run: Run[Any], live: machine.Run, name: str) -> StepView | None:
    step = live.settled(name) or live.open.get(name)
    if step is not None:
        error = step.value if isinstance(step.value, Failure) and step.status == "failed" else None
        status = "running" if isinstance(step, machine.Step) and _has_running_items(step) else step.status
        return StepView(run, name, status, None, step.value, error)
    if name in live.skipped:
        return StepView(run, name, "skipped", None, None, None)
    if f"{name}/" in live.scopes:
        return StepView(run, name, "running", None, None, None)
    return None


def _has_running_items(step: machine.Step) -> bool:
    return step.family is not None and any(item.status == "running" for item in step.family.active.values())


def _value_of(record: StepRecord) -> Any:
    if record.items and record.value is None:
        return [record.values.get(item) for item in sorted(record.items)]
    return record.value


def _failed(run: str, workflow: str, failure: Failure) -> RunFailed:
    step = f" in step {failure.step!r}" if failure.step else ""
    return RunFailed(
        f"run {run} of {workflow!r} failed{step}: {failure}", run_id=run, failed_step=failure.step
    )
