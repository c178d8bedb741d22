"""Attempts of steps, and ends of runs: which run, which are ready, how long until the next, how it is told in the log."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import msgspec

from penstock.errors import CodecError
from penstock.model import events as e
from penstock.model.failure import Failure, failure_of
from penstock.model.policies import loss_delay, retry_delay
from penstock.model.state import Run, Step, unwanted
from penstock.model.undoing import UNSTORABLE

LOST = Failure("penstock.errors.WorkerLost", "the engine that ran this attempt is no more", "lost")


def too_late(message: str) -> Failure:
    """The failure of what took longer than it was allowed."""
    return Failure("penstock.errors.StepTimeout", message, "timeout", ("TimeoutError",))


def ending_of(run: Run, text: Callable[[Any], str | None]) -> e.Event:
    """The last event of a run that has an outcome; where its value cannot be stored, what fails it instead."""
    assert run.final is not None
    kind, value = run.final
    if kind == "completed":
        try:
            return e.RunDone(value, text(value))
        except CodecError as error:
            return e.Noted(UNSTORABLE, None, failure_of(error).plain())
    if kind == "failed":
        blame = list(run.root.blame) if run.root else []
        return e.RunFailed(value, blame, True if run.undoing is not None else None)
    return e.RunCancelled(value or "")


def failing(step: Step, error: Failure, at: float) -> e.StepFailed:
    """An attempt that failed, and when the next is, if there is to be one."""
    wait = None
    if not unwanted(step):
        wait = _wait_after(step, error)
        if error.cause == "lost" and wait is None:
            error = _poisonous(step, error)
    return e.StepFailed(step.id, step.item, step.attempt, error, None if wait is None else at + wait)


def _wait_after(step: Step, error: Failure) -> float | None:
    """Seconds until the next attempt; None if there is to be none."""
    if error.cause == "lost":
        step.losses += 1
        return loss_delay(step.policy.retry, step.losses, error)
    step.losses = 0
    token = f"{step.run.id}/{step.id}/{step.item}/{step.attempt}"
    return retry_delay(step.policy.retry, step.failures + 1, error, token)


def _poisonous(step: Step, error: Failure) -> Failure:
    said = f"{error.message}; it is not tried again, for so ended {step.losses} of its attempts in a row"
    return msgspec.structs.replace(error, message=said)


def cancelling(run: Run) -> bool:
    return run.root is not None and run.root.outcome is not None and run.root.outcome[0] == "cancelled"


def has_ending(run: Run) -> bool:
    """Whether a run that was cancelled has something left to do, which a pause would hold up for ever."""
    return run.closing is not None or bool(run.undoable) or "cancelled" in run.program.hooks


def running(run: Run) -> list[Step]:
    """Every attempt that the log says is running, items of maps included, in order of asking."""
    return [step for step in each(run) if step.status == "running"]


def each(run: Run) -> Iterable[Step]:
    for step in list(run.open.values()):
        if step.family is None:
            yield step
        else:
            yield from list(step.family.active.values())


def still_ready(run: Run) -> list[Step]:
    """What is ready, in the order in which it became so."""
    wanted = {id(step) for step in each(run) if step.status == "ready"}
    return [step for step in unique(reversed(run.news.ready)) if id(step) in wanted][::-1]


def unique(steps: Iterable[Step]) -> list[Step]:
    seen: set[int] = set()
    return [step for step in steps if not (id(step) in seen or seen.add(id(step)))]  # type: ignore[func-returns-value]
