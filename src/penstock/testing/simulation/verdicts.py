"""What must hold when a simulation has come to rest: outcomes as the reference says, letters carried out once and in order."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from penstock.model import events as e
from penstock.model.changes import Letter
from penstock.model.child import PARENT_OVER, PARENT_PAUSED
from penstock.model.failure import Failure
from penstock.testing.simulation.case import Case, Expected, Log, facts_in
from penstock.testing.simulation.world import plain


def check_outcome(counts: Counter[str], case: Case, log: Log) -> Iterator[str]:
    """How a run ended against how it must have."""
    counts[f"style {case.style}"] += 1
    yield from case.disorder(log)
    last = log[-1][2]
    if isinstance(last, e.RunCancelled):
        counts["ended cancelled"] += 1
        return
    if any(isinstance(event, e.Noted) and event.topic == "deadline" for _, _, event in log):
        counts["ended at its deadline"] += 1
        return
    expected = case.expected(facts_in(log))
    counts[f"ended {expected.status}"] += 1
    yield from _compare(expected, last)
    if expected.skipped is not None and isinstance(last, e.RunDone):
        skipped = {event.step for _, _, event in log if isinstance(event, e.StepSkipped)}
        if skipped != expected.skipped:
            yield f"skipped {sorted(skipped)}, not {sorted(expected.skipped)}"


def _compare(expected: Expected, last: e.Event) -> Iterator[str]:
    if isinstance(last, e.RunDone):
        if expected.status != "completed":
            yield f"completed with {plain(last.value)}, but must fail at one of {sorted(expected.blamed)}"
        elif leveled(last.value) != leveled(expected.value):
            yield f"ended with {plain(last.value)}, not with {plain(expected.value)}"
    elif isinstance(last, e.RunFailed):
        if expected.status != "failed":
            yield f"failed: {last.error}, but must complete with {plain(expected.value)}"
        elif last.error.step not in expected.blamed:
            yield f"failed at {last.error.step}: {last.error}, not at one of {sorted(expected.blamed)}"


def leveled(value: Any) -> Any:
    """A value in which all failures are alike: whose they are, the reference does not say."""
    if isinstance(value, Failure):
        return "a failure"
    if isinstance(value, list | tuple):
        return [leveled(item) for item in value]
    if isinstance(value, dict):
        return {key: leveled(item) for key, item in value.items()}
    return value


def check_letters(letters: Mapping[int, Letter], log: Log) -> Iterator[str]:
    """Signals in the log are the letters, each once, in order; a cancel that was asked for in time came to pass."""
    numbers = {letter.key: letter.number for letter in letters.values() if letter.kind == "signal"}
    found = [event.key for _, _, event in log if isinstance(event, e.Signalled)]
    if len(set(found)) != len(found):
        yield f"a signal was taken twice: {found}"
    order = [numbers.get(key, 0) for key in found]
    if order != sorted(order) or 0 in order:
        yield f"signals were taken in the order {order}"
    bodies = {letter.body: letter.number for letter in letters.values() if letter.kind != "signal"}
    said = [
        event.reason
        for _, _, event in log
        if isinstance(event, e.Paused | e.CancelAsked) and event.reason not in (PARENT_PAUSED, PARENT_OVER)
    ]
    order = [bodies.get(reason, 0) for reason in said]
    if order != sorted(set(order)) or 0 in order:
        yield f"commands were carried out in the order {order}"
