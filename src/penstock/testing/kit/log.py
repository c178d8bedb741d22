"""What a run's log says, asked and asserted in a test's words; what fails shows the log."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Any

from penstock.model import events as e
from penstock.model.failure import Failure
from penstock.model.history import Attempt, StepRecord, steps_in
from penstock.model.wording import guess, listed, shown

Logged = tuple[int, float, e.Event]
_UNSAID: Any = object()
_ENDS = (e.StepDone, e.StepFailed)


class RunLog:
    """The log of one run: `RunLog(run.events())`. Times are seconds since its first event.

    `known` are the names of steps that it may not speak of. A name that is neither there nor in the log is an AssertionError.
    """

    def __init__(self, events: Iterable[Logged], known: Iterable[str] = ()) -> None:
        self.events: Sequence[Logged] = list(events)
        self._known = list(known)
        self._records = steps_in(self.events)
        self._began = self.events[0][1] if self.events else 0.0

    # What it says

    @property
    def order(self) -> list[str]:
        """The steps that ran, in the order in which they first started."""
        return list(dict.fromkeys(event.step for _, _, event in self.events if type(event) is e.StepStarted))

    @property
    def finished(self) -> list[str]:
        """The steps that completed or failed, in the order in which they did at last."""
        ends = {event.step: n for n, _, event in self.events if isinstance(event, _ENDS)}
        return sorted(set(self.order) & ends.keys(), key=ends.__getitem__)

    @property
    def completed(self) -> list[str]:
        """Steps that completed, in the order in which they first appear."""
        return self._of_status("completed")

    @property
    def failed(self) -> list[str]:
        """Steps that failed for good."""
        return self._of_status("failed")

    @property
    def skipped(self) -> list[str]:
        """Steps that the workflow decided not to run."""
        return self._of_status("skipped")

    @property
    def cancelled(self) -> list[str]:
        """Steps that were stopped, or did not run because the run was cancelled."""
        return self._of_status("cancelled")

    @property
    def seconds(self) -> float:
        """From the first event to the last."""
        return _seconds(self.events[-1][1] - self._began) if self.events else 0.0

    def attempts(self, step: str, item: int | None = None) -> int:
        """How often a step was tried; of a map, all its items together, or one of them."""
        return len(self._attempts(step, item))

    def waits(self, step: str, item: int | None = None) -> list[float]:
        """The seconds between the end of each attempt and the start of the next."""
        tries = self._attempts(step, item)
        return [
            _seconds(later.started_at - earlier.ended_at)
            for earlier, later in pairwise(tries)
            if earlier.ended_at is not None
        ]

    def started(self, step: str) -> float | None:
        """When a step first started; None: it did not."""
        return self._since_beginning(self._record(step).started_at)

    def ended(self, step: str) -> float | None:
        """When a step's last attempt ended; None: it did not."""
        return self._since_beginning(self._record(step).ended_at)

    def result(self, step: str) -> Any:
        """What a step completed with; of a map, the list of its results."""
        record = self._record(step)
        if record.status != "completed":
            raise self._wrong(f"{step!r} has no result: it {_became(record)}")
        return [record.values[item] for item in sorted(record.values)] if record.items else record.value

    def error(self, step: str) -> Failure | None:
        """How a step's last failed attempt failed; None: none did."""
        return self._record(step).error

    # What a test says of it

    def assert_ran(
        self,
        step: str,
        *,
        before: str | Iterable[str] = (),
        after: str | Iterable[str] = (),
        times: int | None = None,
    ) -> None:
        """A step ran: it had ended before others started, it started after others had ended, it was tried so many times."""
        self._assert_started(step)
        for other in _several(before):
            self._assert_ordered(step, other)
        for other in _several(after):
            self._assert_ordered(other, step)
        if times is not None and self.attempts(step) != times:
            raise self._wrong(f"{step!r} was tried {_times(self.attempts(step))}, not {_times(times)}")

    def assert_not_ran(self, step: str) -> None:
        """A step never started."""
        if self.attempts(step):
            raise self._wrong(f"{step!r} ran, and {_became(self._record(step))}")

    def assert_order(self, *steps: str) -> None:
        """Exactly these steps ran, and first started in this order."""
        if self.order != list(steps):
            raise self._wrong(
                f"the steps ran in another order: {listed(self.order)}; expected: {listed(steps)}"
            )

    def assert_finished(self, *steps: str) -> None:
        """Exactly these steps completed or failed, and did so at last in this order."""
        if self.finished != list(steps):
            raise self._wrong(
                f"other steps finished, or in another order: {listed(self.finished)}; expected: {listed(steps)}"
            )

    def assert_completed(self, step: str, value: Any = _UNSAID) -> None:
        """A step completed, with this value where one is given."""
        found = self.result(step)
        if value is not _UNSAID and found != value:
            raise self._wrong(f"{step!r} completed with {shown(found)}, not with {shown(value)}")

    def assert_failed(
        self, step: str, error: type[BaseException] | str | None = None, *, match: str = ""
    ) -> None:
        """A step failed for good: with an exception of this class (or one whose name is given), whose message holds `match`."""
        record = self._record(step)
        if record.status != "failed" or record.error is None:
            raise self._wrong(f"{step!r} did not fail: it {_became(record)}")
        found = record.error
        kinds = {_last_part(each) for each in (found.type, *found.bases)}
        if error is not None and _name_of(error) not in kinds:
            raise self._wrong(f"{step!r} failed with {found}, which is no {_name_of(error)}")
        if match not in found.message:
            raise self._wrong(f"{step!r} failed with {found}, where nothing says {match!r}")

    def assert_skipped(self, step: str, because: str = "") -> None:
        """A step was skipped, for a reason that holds `because`."""
        record = self._record(step)
        if record.status != "skipped":
            raise self._wrong(f"{step!r} was not skipped: it {_became(record)}")
        if because not in record.reason:
            raise self._wrong(f"{step!r} was skipped because {record.reason}, not because {because}")

    # Inside

    def _of_status(self, status: str) -> list[str]:
        return [name for name, record in self._records.items() if record.status == status]

    def _record(self, step: str) -> StepRecord:
        found = self._records.get(step)
        if found is not None:
            return found
        names = list(dict.fromkeys([*self._known, *self._records]))
        if step in names:
            return StepRecord(step, "waiting")
        raise AssertionError(f"the run has no step {step!r}; {guess(step, names, 'it has')}")

    def _attempts(self, step: str, item: int | None) -> list[Attempt]:
        return [tried for tried in self._record(step).attempts if item is None or tried.item == item]

    def _since_beginning(self, at: float | None) -> float | None:
        return None if at is None else _seconds(at - self._began)

    def _assert_started(self, step: str) -> None:
        if not self.attempts(step):
            raise self._wrong(f"{step!r} did not run: it {_became(self._record(step))}")

    def _assert_ordered(self, earlier: str, later: str) -> None:
        """All of one had ended before anything of the other started. Both must have run."""
        self._assert_started(earlier)
        self._assert_started(later)
        end = max(n for n, _, event in self.events if _is_of(event, earlier))
        start = min(n for n, _, event in self.events if _is_of(event, later))
        if start < end:
            raise self._wrong(
                f"{earlier!r} did not run before {later!r}: event {start} is of {later!r},"
                f" event {end} still of {earlier!r}"
            )

    def _wrong(self, said: str) -> AssertionError:
        return AssertionError(f"{said}\n\nThe log:\n{self}")

    def __str__(self) -> str:
        """A line an event: number, seconds, what happened."""
        return "\n".join(
            f"{number:>5} {at - self._began:>9.3f} s  {_told(event)}" for number, at, event in self.events
        )


def _told(event: e.Event) -> str:
    step, item = getattr(event, "step", None), getattr(event, "item", None)
    if item is not None:
        step = f"{step}[{item}]"
    match event:
        case e.StepStarted():
            return f"{step} started" + (f", attempt {event.attempt}" if event.attempt > 1 else "")
        case e.StepDone():
            return f"{step} completed: {shown(event.value)}"
        case e.StepFailed():
            return f"{step} failed{', and will be tried again' if event.retry_at is not None else ''}: {event.error}"
        case e.StepSkipped():
            return f"{step} skipped: {event.reason}"
        case e.RunDone():
            return f"the run completed: {shown(event.value)}"
        case e.RunFailed():
            return f"the run failed: {event.error}"
        case _:
            kind = e.KIND_OF[type(event)].replace("_", " ")
            return kind if step is None else f"{step}: {kind}"


def _became(record: StepRecord) -> str:
    if record.status == "skipped":
        return f"was skipped: {record.reason}"
    if record.status == "failed":
        return f"failed: {record.error}"
    return {"waiting": "did not start", "ready": "did not start", "running": "was running"}.get(
        record.status, record.status
    )


def _is_of(event: e.Event, step: str) -> bool:
    return getattr(event, "step", None) == step and not isinstance(event, e.Noted)


def _several(names: str | Iterable[str]) -> Iterable[str]:
    return [names] if isinstance(names, str) else names


def _seconds(difference: float) -> float:
    """Whole microseconds: what subtracting two times adds to them is nobody's concern."""
    return round(difference, 6)


def _times(number: int) -> str:
    return "once" if number == 1 else f"{number} times"


def _name_of(error: type[BaseException] | str) -> str:
    return _last_part(error if isinstance(error, str) else error.__qualname__)


def _last_part(name: str) -> str:
    return name.rpartition(".")[2]
