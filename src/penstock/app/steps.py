"""The steps of a run, as they are at this moment: from the run's own state where it is at hand, else from its log."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from penstock.errors import RunFailed, RunNotFound
from penstock.model import machine
from penstock.model.failure import Failure
from penstock.model.history import Attempt, History, StepRecord
from penstock.model.states import StepStatus
from penstock.model.wording import guess

if TYPE_CHECKING:
    from penstock.engine.recovery import Log


class StepView:
    """One step of a run, as it is at this moment."""

    def __init__(
        self, steps: Steps, name: str, status: StepStatus, value: Any = None, error: Failure | None = None
    ) -> None:
        self.name = name
        self.status = status
        self.error = error
        self._value = value
        self._steps = steps

    @property
    def attempts(self) -> list[Attempt]:
        """Every try of it so far, those of a map's items among them."""
        return self._steps.record(self.name).attempts

    @property
    def items(self) -> Mapping[int, StepStatus]:
        """The states of a map's items, by index."""
        return self._steps.record(self.name).items

    @property
    def result(self) -> Any:
        """Its value. Raises RunFailed if it failed and RunNotFound if it has none (yet)."""
        if self.status in ("completed", "reused"):
            return self._value
        steps = self._steps
        if self.error is not None and self.status == "failed":
            raise run_failed(steps.run, steps.workflow, self.error) from self.error.exception
        raise RunNotFound(f"step {self.name!r} of run {steps.run} has no result: it is {self.status}")

    def __repr__(self) -> str:
        return f"<step {self.name}: {self.status}>"


class Steps(Mapping[str, StepView]):
    """The steps of a run by name. A step that was not asked for yet is waiting. `read` gives the log after an event."""

    def __init__(self, run: str, workflow: str, live: machine.Run | None, read: Callable[[int], Log]) -> None:
        self.run = run
        self.workflow = workflow
        self._live = None if live is None or live.gone else live
        self._read = read
        self._history = History()

    def __getitem__(self, name: str) -> StepView:
        live = self._live
        view = None if live is None else self._live_step(live, name)
        if view is not None:
            return view
        record = self._records().get(name)
        if record is not None:
            return StepView(self, name, record.status, _value_of(record), record.error)
        if live is not None and name in getattr(live.program, "nodes", ()):
            return StepView(self, name, "waiting")
        raise RunNotFound(f"run {self.run} has no step {name!r}; {guess(name, self._names(), 'it has')}")

    def __iter__(self) -> Iterator[str]:
        return iter(self._names())

    def __len__(self) -> int:
        return len(self._names())

    def record(self, name: str) -> StepRecord:
        """What the log tells of a step."""
        return self._records().get(name) or StepRecord(name)

    def _live_step(self, live: machine.Run, name: str) -> StepView | None:
        step = live.settled(name) or live.open.get(name)
        if step is not None:
            error = step.value if isinstance(step.value, Failure) and step.status == "failed" else None
            status = "running" if isinstance(step, machine.Step) and _has_running_items(step) else step.status
            return StepView(self, name, status, step.value, error)
        if name in live.skipped:
            return StepView(self, name, "skipped")
        return StepView(self, name, "running") if f"{name}/" in live.scopes else None

    def _names(self) -> list[str]:
        live = self._live
        if live is None:
            return list(self._records())
        planned = getattr(live.program, "nodes", ())
        return [*dict.fromkeys([*live.results, *live.others, *live.open, *live.skipped, *planned])]

    def _records(self) -> dict[str, StepRecord]:
        """What the log tells by now; nothing yet where the run's first events are still on their way to it."""
        try:
            self._history.tell(self._read(self._history.last))
        except RunNotFound:
            if self._live is None:
                raise
        return self._history.steps


def run_failed(run: str, workflow: str, failure: Failure) -> RunFailed:
    """The error of a failed run, naming the step that brought it down."""
    step = f" in step {failure.step!r}" if failure.step else ""
    return RunFailed(
        f"run {run} of {workflow!r} failed{step}: {failure}", run_id=run, failed_step=failure.step
    )


def _has_running_items(step: machine.Step) -> bool:
    return step.family is not None and any(item.status == "running" for item in step.family.active.values())


def _value_of(record: StepRecord) -> Any:
    if record.items and record.value is None:
        return [record.values.get(item) for item in sorted(record.items)]
    return record.value
