"""How a process stands: what it is given and gives, and what became of its latest execution."""

from __future__ import annotations

import time
import traceback
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from penstock.processes.flags import ProcessStatus
from penstock.processes.hiding import hide
from penstock.processes.ids import derived_id, fresh_id
from penstock.processes.offering import Offering

if TYPE_CHECKING:
    from penstock.app.run import Run
    from penstock.model.failure import Failure

RUNNING, COMPLETED = ProcessStatus.RUNNING, ProcessStatus.COMPLETED
FAILED, CANCELLED = ProcessStatus.FAILED, ProcessStatus.CANCELLED
_COUNT_MS = 1000.0


class Standing(Offering):
    """The part of a process that its runs tell how they go."""

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

    # For the engine

    def known_as(self, seed: str) -> str:
        """Its id; one that nobody has asked for is made of `seed`, the same when a run is taken up again."""
        if self._id is None:
            self._id = derived_id(seed) if self._durable else fresh_id()
        return self._id

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


def _format(error: BaseException) -> list[str]:
    return traceback.format_exception(error)
