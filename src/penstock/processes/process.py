"""What every process is: a name, typed inputs and outputs, a status, and how to run it.

A process may be executed again and again, one execution at a time. Its outputs are locked when it ends; the next execution
gives it new ones, so that what was handed out keeps its values.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Mapping
from types import ModuleType
from typing import TYPE_CHECKING, Any, ClassVar

from penstock.processes.sets import ParameterSet
from penstock.processes.standing import COMPLETED, Standing

if TYPE_CHECKING:
    from penstock.app import Engine
    from penstock.app.run import Run
    from penstock.processes.execution import Launcher

_loaded: list[ModuleType] = []  # what asks an engine, once something is run


def _load() -> ModuleType:
    from penstock.processes import execution

    _loaded.append(execution)
    return execution


class Process(Standing, ABC):
    """A unit of work.

    Declare parameters in `__init__` after `super().__init__(name)`, or in `define_parameters()`. `blocking = True` on a class
    says that its code blocks: it runs in a thread; `limit = Limit("api", at_most=3)` that its work needs a slot under a key.
    """

    blocking: ClassVar[bool] = False
    limit: ClassVar[Any] = None
    orchestrates: ClassVar[bool] = False
    forgiving: ClassVar[bool] = False
    """Whether `execute` answers False, instead of raising, if the class is written in the older dialect."""

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

    def overrides(self, hook: str) -> bool:
        """Whether its class, or itself, has a hook of its own."""
        found = getattr(self, hook)
        return getattr(found, "__func__", found) is not getattr(_bare(self), hook)

    def _is_older(self) -> bool:
        return self.overrides("define_parameters") or (self.orchestrates and self.overrides("orchestrate"))

    async def detach(self) -> str:
        """Start a run of its own, which its parent does not wait for; the id of that run."""
        from penstock.processes import detaching

        return await detaching.detach(self)

    async def look(self) -> dict[str, Any] | None:
        """Its outputs, if that run has finished."""
        from penstock.processes import detaching

        return await detaching.look(self)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name!r}: {self.status}>"


def _bare(process: Process) -> type[Process]:
    """The class of ours that a process's class stands on."""
    return next(kind for kind in type(process).__mro__ if kind.__module__.startswith("penstock.processes"))
