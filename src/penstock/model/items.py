"""The items of a map: a window of them in flight, a mark an item, one failure that fails the whole or is collected."""

from __future__ import annotations

from typing import Any

from penstock.model.dialogue import complete, drained, failed, top_up
from penstock.model.failure import Failure
from penstock.model.state import CANCELLED, COMPLETED, FAILED, Family, Run, Step, at_step


def item_done(run: Run, step: Step, value: Any, at: float) -> None:
    family, item = step.family, step.item
    assert family is not None and item is not None  # noqa: PT018
    family.results[item] = value
    item_settled(run, family, item, COMPLETED, at)


def item_settled(run: Run, family: Family, item: int, mark: int, at: float) -> None:
    del family.active[item]
    family.marks[item] = mark
    family.done += 1
    whole = family.step
    if family.error is None and not whole.stopping and whole.scope.outcome is None:
        if family.next < len(family.marks):
            top_up(run, family)
        elif not family.active:
            whole.status = "completed"
            complete(run, whole, family.results, at)
    elif not family.active:
        _family_over(run, family, at)


def _family_over(run: Run, family: Family, at: float) -> None:
    """A family that will not complete has drained."""
    whole = family.step
    if family.error is not None:
        whole.status = "failed"
        failed(run, whole, family.error, at)
    else:
        whole.status = "cancelled"
        drained(run, whole, at)


def item_failed(run: Run, step: Step, error: Failure, at: float) -> None:
    family, item = step.family, step.item
    assert family is not None and item is not None  # noqa: PT018
    whole = family.step
    if whole.ask.partial == "collect":
        family.results[item] = at_step(error, f"{step.id}[{item}]")
    else:
        family.blame.append(run.sequence)
        if family.error is None:
            family.error = at_step(error, f"{step.id}[{item}]")
            _drop_unstarted(family)
    item_settled(run, family, item, FAILED, at)


def _drop_unstarted(family: Family) -> None:
    for item, step in list(family.active.items()):
        if step.status in ("ready", "waiting"):
            step.status = "cancelled"
            family.marks[item] = CANCELLED
            del family.active[item]
