"""What a driver needs of the engine it belongs to."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from penstock.context import Context
from penstock.engine.journal import Journal
from penstock.errors import DefinitionError
from penstock.model.failure import Failure
from penstock.model.machine import Run, Step
from penstock.ports import Clock, Executor, Job, Outcome


class Host(Protocol):
    """What a driver needs of the engine it belongs to."""

    journal: Journal
    clock: Clock

    def executor(self, name: str) -> Executor:
        """An executor by name. Raises DefinitionError for a name nobody gave."""

    def finished(self, run: Run) -> None:
        """A run is over, and its log says so."""

    def dropped(self, run: Run, error: BaseException) -> None:
        """A run left this process unfinished."""

    def captured(self, step: Step, context: Context) -> None:
        """An attempt has ended that logged or printed."""

    def progressed(self, context: Context, kind: str, payload: Any) -> None:
        """A step reports how far it is; from any thread."""


class Refusal:
    """The executor of steps whose executor does not exist: each fails, saying so. See Executor."""

    slots: int | None = None

    def __init__(self, message: str) -> None:
        self.name = message
        self._failure = Failure("penstock.errors.DefinitionError", message)

    def check(self, fn: Callable[..., Any], timeout: float | None) -> None:
        raise DefinitionError(self.name)

    def submit(self, job: Job, ended: Callable[[Any, Outcome], None]) -> None:
        ended(job.token, Outcome(None, self._failure))

    def stop(self, token: Any) -> bool:
        return True

    def close(self, *, wait: bool = True) -> None:
        return
