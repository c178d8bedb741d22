"""An execution that goes on in the background, as who began it holds it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from penstock.errors import RunCancelled, RunFailed
from penstock.simulations.records import WorkflowExecution

if TYPE_CHECKING:
    from penstock.app import Run
    from penstock.simulations.executions import Executions


class Stopping(Protocol):
    """What is asked of the runner it came from."""

    @property
    def executions(self) -> Executions: ...
    def stop(self, execution_id: str, reason: str = "") -> WorkflowExecution: ...


class Started:
    """An execution that goes on in the background."""

    def __init__(self, runner: Stopping, execution_id: str, run: Run[Any]) -> None:
        self._runner = runner
        self.execution_id = execution_id
        self.run = run

    @property
    def record(self) -> WorkflowExecution:
        """The execution as it is now."""
        return self._runner.executions.get(self.execution_id)

    def wait(self, timeout: float | None = None) -> WorkflowExecution:
        """Wait for its end, whatever that is. Raises StepTimeout after `timeout` seconds."""
        try:
            self.run.result(timeout)
        except (RunFailed, RunCancelled):
            return self.record
        return self.record

    def stop(self, reason: str = "") -> WorkflowExecution:
        """Stop it at once."""
        return self._runner.stop(self.execution_id, reason)
