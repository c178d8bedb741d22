"""What must hold of how a run was undone, as its log alone tells it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

from penstock.model import events as e
from penstock.model.undoing import PREFIX
from penstock.testing.simulation.case import Broken, Case, Log
from penstock.testing.simulation.programs.undoing import undoes_of, undone
from penstock.testing.simulation.world import plain

_OWN_FAULTS = (
    f"{Broken.__module__}.Broken",
    "penstock.errors.Retry",
    "penstock.errors.StepTimeout",
    "penstock.errors.WorkerLost",
)


def check_undoing(counts: Counter[str], case: Case, log: Log) -> Iterator[str]:
    """A run that failed or was cancelled undid exactly what had finished, the last first, and says what it could not undo."""
    undoes = undoes_of(case)
    done = [
        (_name(event), event.value, undoes[event.step])
        for _, _, event in log
        if isinstance(event, e.StepDone) and event.step in undoes
    ]
    ends = list(_ends(log))
    last = log[-1][2]
    wanted = [] if isinstance(last, e.RunDone) else done[::-1]
    if [event.step for event in ends] != [PREFIX + name for name, _, _ in wanted]:
        yield f"undid {[event.step for event in ends]}, but had done {[name for name, _, _ in done]}"
        return
    if wanted:
        counts[f"undone and {type(last).__name__}"] += 1
    for event, (_, value, given) in zip(ends, wanted, strict=True):
        if isinstance(event, e.StepFailed) and event.error.type not in _OWN_FAULTS:
            yield f"{event.step} failed otherwise than it was drawn to: {event.error}"
        if isinstance(event, e.StepDone) and event.value != undone(value, **given):
            yield f"{event.step} came to {plain(event.value)}, not to {plain(undone(value, **given))}"
    yield from _told(counts, ends, last)
    yield from _after(log)


def _told(counts: Counter[str], ends: list[Any], last: e.Event) -> Iterator[str]:
    """The run's end says which undos failed, and whether there were any."""
    if isinstance(last, e.RunFailed) and bool(last.undone) != bool(ends):
        yield f"the run says that undone is {last.undone}, after {len(ends)} undos"
    said = last.error.message if isinstance(last, e.RunFailed) else getattr(last, "reason", "")
    failed = [event.step.removeprefix(PREFIX) for event in ends if isinstance(event, e.StepFailed)]
    counts["undos that failed"] += len(failed)
    counts["undos that were done"] += len(ends) - len(failed)
    if failed and not all(f"{name} (" in said for name in failed[:12]):
        yield f"the run's end does not say that {failed} could not be undone: {said}"


def _after(log: Log) -> Iterator[str]:
    """Once the first undo has started, nothing else starts but hooks."""
    undoing = False
    for _, _, event in log:
        if isinstance(event, e.StepStarted):
            undo = event.step.startswith(PREFIX)
            if undoing and not undo and not event.step.startswith("@"):
                yield f"{event.step} started while the run was being undone"
            undoing = undoing or undo


def _ends(log: Log) -> Iterator[e.StepDone | e.StepFailed]:
    """How each undo ended."""
    for _, _, event in log:
        if not isinstance(event, e.StepDone | e.StepFailed) or not event.step.startswith(PREFIX):
            continue
        if isinstance(event, e.StepDone) or event.retry_at is None:
            yield event


def _name(event: e.StepDone) -> str:
    return event.step if event.item is None else f"{event.step}[{event.item}]"
