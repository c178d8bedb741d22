"""What every process is: a name, typed inputs and outputs, a status, and how to run it.

A process may be executed again and again, one execution at a time. Its outputs are locked when it ends; the next execution
gives it new ones, so that what was handed out keeps its values.
"""

from __future__ import annotations

import time
import traceback
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Mapping
from datetime import UTC, datetime
from types import ModuleType
from typing import TYPE_CHECKING, Any, ClassVar

from penstock.processes.flags import ProcessStatus
from penstock.processes.hiding import hide
from penstock.processes.ids import derived_id, fresh_id
from penstock.processes.offering import Offering
from penstock.processes.sets import ParameterSet

if TYPE_CHECKING:
    from penstock.app import Engine
    from penstock.app.run import Run
    from penstock.model.failure import Failure
    from penstock.processes.execution import Launcher

RUNNING, COMPLETED = ProcessStatus.RUNNING, ProcessStatus.COMPLETED
FAILED, CANCELLED = ProcessStatus.FAILED, ProcessStatus.CANCELLED
_COUNT_MS = 1000.0


_loaded: list[ModuleType] = []  # what asks an engine, once something is run


def _load() -> ModuleType:
    from penstock.processes import execution

    _loaded.append(execution)
    return execution


class Process(Offering, ABC):
    """A unit of work.

    Declare parameters in `__init__` after `super().__init__(name)`, or in `define_parameters()`. `blocking = True` on a class
    says that its code blocks: it runs in a thread; `limit = Limit("api", at_most=3)` that its work needs a slot under a key.
    """

    blocking: ClassVar[bool] = False
    limit: ClassVar[Any] = None
    orchestrates: ClassVar[bool] = False
    forgiving: ClassVar[bool] = False
    """Whether `execute` answers False, instead of raising, if the class is written in the older dialect."""

    status: ProcessStatus = ProcessStatus.PENDING
    error: str | None = None
    error_stacktrace: str | None = None
    execution_time_ms: float | None = None
    _began: float | None = None
    _ended: float | None = None
    _id: str | None = None
    _result: Any = None
    _ran = False
    _durable = False
    _busy = False
    _detached: Run[Any] | None = None
    _run_id: str | None = None

    def __init__(self, name: str | None = None) -> None:
        self.name = name = name or type(self).__name__
        self.input = ParameterSet(name)
        self.output = ParameterSet(name)
        self.define_parameters()

    # What authors write

    def define_parameters(self) -> None:
        """Declare parameters here, or in `__init__`."""

    @abstractmethod
    def execute_impl(self) -> Awaitable[None] | None:
        """Do the work, as a coroutine: read `self.input[...].value`, assign `self.output[...].value`."""

    async def on_before_execute(self) -> None:
        """Called before the work, the inputs being valid. An exception fails the process."""

    async def on_after_execute(self) -> None:
        """Called after the work, the outputs being valid. An exception fails the process."""

    # What became of it

    @property
    def id(self) -> str:
        """A UUID as text."""
        if self._id is None:
            self._id = fresh_id()
        return self._id

    @property
    def started_at(self) -> datetime | None:
        """When its latest execution began, in UTC."""
        return None if self._began is None else datetime.fromtimestamp(self._began, UTC)

    @property
    def completed_at(self) -> datetime | None:
        """When its latest execution ended, well or badly, in UTC."""
        return None if self._ended is None else datetime.fromtimestamp(self._ended, UTC)

    def to_dict(self) -> dict[str, Any]:
        """What there is to know of it, for people; sensitive values are not shown."""
        began, ended = self.started_at, self.completed_at
        return {
            "id": self.id,
            "name": self.name,
            "class": type(self).__name__,
            "status": str(self.status),
            "input": self.input.to_dict(),
            "output": self.output.to_dict(),
            "started_at": None if began is None else began.isoformat(),
            "completed_at": None if ended is None else ended.isoformat(),
            "execution_time_ms": self.execution_time_ms,
            "error": self.error,
            "error_stacktrace": self.error_stacktrace,
        }

    # Running it

    async def execute(
        self,
        *,
        store: str | Engine | None = None,
        key: str | None = None,
        tags: Mapping[str, str] | None = None,
        timeout: float | None = None,
    ) -> bool:
        """Run it on the running event loop: True when it has completed. Without a store nothing is kept.

        Raises InputError (a ValueError) for a required input that is missing, ProcessExecutionError if a child failed, else
        the process's own exception. See `using` for the options.
        """
        execution = _loaded[0] if _loaded else _load()
        try:
            done: bool = await execution.execute(self, store, key, tags, timeout)
            return done
        except Exception:
            if self.forgiving and self._is_older():
                return False
            raise

    def using(
        self,
        *,
        store: str | Engine | None = None,
        key: str | None = None,
        tags: Mapping[str, str] | None = None,
        timeout: float | None = None,
    ) -> Launcher:
        """Say how to run it: the store ("ephemeral" keeps nothing), an idempotency key, tags, a limit of the run's time."""
        from penstock.processes import execution

        return execution.Launcher(self, store, key, tags, timeout)

    def run(self, **inputs: Any) -> dict[str, Any]:
        """Run it on this thread and return its outputs by name. The run is recorded, as that of any workflow."""
        return self.using().run(**inputs)

    def start(self, **inputs: Any) -> Run[Any]:
        """Start a run in the background and return its handle."""
        return self.using().start(**inputs)

    async def wait(self) -> bool:
        """Of a child that its parent does not wait for: wait until it has ended; whether it completed."""
        if self._detached is not None:
            await self._detached.wait_async()
        return self.status is COMPLETED

    # For the engine

    def known_as(self, seed: str) -> str:
        """Its id; one that nobody has asked for is made of `seed`, the same when a run is taken up again."""
        if self._id is None:
            self._id = derived_id(seed) if self._durable else fresh_id()
        return self._id

    def overrides(self, hook: str) -> bool:
        """Whether its class, or itself, has a hook of its own."""
        found = getattr(self, hook)
        return getattr(found, "__func__", found) is not getattr(_bare(self), hook)

    def _is_older(self) -> bool:
        return self.overrides("define_parameters") or (self.orchestrates and self.overrides("orchestrate"))

    def begun(self, at: float) -> None:
        """An execution begins."""
        if self._ran:
            self.output = self.output.renewed()
            self.error = self.error_stacktrace = None
            self._ended = self.execution_time_ms = None
        self._ran = True
        self.status = RUNNING
        self._began = at

    def completed(self, at: float, milliseconds: float) -> dict[str, Any]:
        """An execution has ended well: the outputs that were assigned, as a run records them."""
        result = self._result = self.output.sealed_off(self._durable)
        self._over(COMPLETED, at, milliseconds)
        return result

    def _over(self, status: ProcessStatus, at: float, milliseconds: float | None) -> None:
        self.input.unlock_all()
        self.status = status
        self._ended = at
        self.execution_time_ms = milliseconds

    def settle(self, value: Mapping[str, Any], at: float) -> None:
        """Its step is done: in a replay, or where another attempt did the work, take what it gave."""
        if self._result is value:
            if self._durable:
                self.output.reseal(value)
            return
        if self.status is not RUNNING:
            self.begun(self._began if self._began is not None else at)
        self.take(value)
        self.output.lock_all()
        self._over(COMPLETED, at, self._since(at))

    def take(self, value: Mapping[str, Any]) -> None:
        """Hold outputs that were recorded."""
        self.output.restore(self._revived(value))
        self._result = value

    def take_inputs(self, value: Mapping[str, Any]) -> None:
        """Hold inputs that were recorded."""
        self.input.restore(self._revived(value))

    def _revived(self, value: Mapping[str, Any]) -> Mapping[str, Any]:
        if not self._durable:
            return value
        from penstock.processes.reviving import revived

        return revived(self, value)

    def fall(self, error: Failure, at: float) -> None:
        """It has failed, as the run knows it."""
        if self.status is FAILED:
            return
        cause = error.exception
        self.error = error.message or error.type
        self.error_stacktrace = error.traceback or (None if cause is None else "".join(_format(cause)))
        self._over(FAILED, at, self._since(at))

    def stopped(self, at: float) -> None:
        """It is stopped, if it has not ended yet."""
        if self.status not in (COMPLETED, FAILED):
            self._over(CANCELLED, at, self._since(at))

    def _since(self, at: float) -> float:
        return 0.0 if self._began is None else max(0.0, at - self._began) * _COUNT_MS

    def failed_with(self, error: BaseException, milliseconds: float) -> None:
        """Its own code has raised."""
        hide(self, error)
        self.error = str(error) or type(error).__name__
        self.error_stacktrace = "".join(_format(error))
        self._over(FAILED, time.time(), milliseconds)

    def sensitive(self) -> list[str]:
        """The names of its parameters that are sensitive."""
        return [*self.input.sensitive, *self.output.sensitive]

    async def detach(self) -> str:
        """Start a run of its own, which its parent does not wait for; the id of that run."""
        from penstock.processes import execution

        return await execution.detach(self)

    async def look(self) -> dict[str, Any] | None:
        """Its outputs, if that run has finished."""
        from penstock.processes import execution

        return await execution.look(self)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name!r}: {self.status}>"


def _format(error: BaseException) -> list[str]:
    return traceback.format_exception(error)


def _bare(process: Process) -> type[Process]:
    """The class of ours that a process's class stands on."""
    return next(kind for kind in type(process).__mro__ if kind.__module__.startswith("penstock.processes"))
