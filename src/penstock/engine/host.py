"""What a driver needs of the engine it belongs to."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

from penstock.context import Context, is_async
from penstock.context.places import at, spot_of
from penstock.engine.journal import Journal
from penstock.errors import DefinitionError, LeaseLost
from penstock.model.failure import Failure
from penstock.model.machine import Run, Step
from penstock.model.policies import Need
from penstock.model.program import Calls
from penstock.ports import Clock, Executor, Job, Outcome

if TYPE_CHECKING:
    from penstock.engine.limits import Limits


class Host(Protocol):
    """What a driver needs of the engine it belongs to."""

    journal: Journal
    clock: Clock

    def executor(self, name: str) -> Executor:
        """An executor by name. Raises DefinitionError for a name nobody gave."""

    def limits(self) -> Limits:
        """The slots of this engine."""

    def finished(self, run: Run) -> None:
        """A run is over, and its log says so."""

    def dropped(self, run: Run, error: BaseException) -> None:
        """A run left this process unfinished."""

    def captured(self, step: Step, context: Context) -> None:
        """An attempt has ended that logged or printed."""

    def progressed(self, context: Context, kind: str, payload: Any) -> None:
        """A step reports how far it is; from any thread."""


class BegunElsewhere(LeaseLost):
    """The store has a run of this id already: another engine began it, under the same key, at the same moment."""


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


def check_calls(calls: Calls, executor_for: Callable[[Need], Executor | None]) -> None:
    """Raise DefinitionError for code that the executor it would go to cannot run."""
    for (name, timeout), functions in calls.items():
        kinds: dict[bool, list[Callable[..., Any]]] = {}
        for fn in functions:
            kinds.setdefault(is_async(fn), []).append(fn)
        for asynchronous, those in kinds.items():
            with at(spot_of(those[0])):
                executor = executor_for(Need(name, asynchronous, timeout))
            if executor is not None:
                for fn in those:
                    with at(spot_of(fn)):
                        executor.check(fn, timeout)
            elif timeout is not None and not asynchronous:
                title = getattr(those[0], "__qualname__", repr(those[0]))
                with at(spot_of(those[0])):
                    raise DefinitionError(
                        f"{title} has timeout={timeout}, which an inline executor cannot enforce: leave the executor out,"
                        " or say executor='threads' or 'processes'"
                    )
