"""A workflow as a step that is a run of its own: what such a step calls, and what its run is known by.

The run's id is made of the parent's run and step, so that a crash never starts two. A step tries the same run again as long as
that can go on; one that cannot (it was cancelled, or undone) is followed by another, with the next number.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from penstock.errors import DefinitionError, InvariantBroken
from penstock.model import events as e
from penstock.model.failure import Failure
from penstock.model.policies import CHILD, Policy
from penstock.model.program import Definition
from penstock.model.wording import shown

CHILD_POLICY: Final = Policy(executor=CHILD)

PARENT_PAUSED: Final = "its parent is paused"
PARENT_OVER: Final = "its parent is over"
"""Why a run is paused or cancelled by no one but its parent."""


class Child:
    """The code of a step that is a run of its own. `queue` names the queue of the workers that are to drive it."""

    def __init__(self, definition: Definition, queue: str | None = None) -> None:
        self.definition = definition
        self.queue = queue
        self.__name__ = str(getattr(definition, "name", type(definition).__name__))

    def __call__(self, **inputs: Any) -> Any:
        raise InvariantBroken(f"{self.__name__!r} is a run of its own: an engine begins it, nobody calls it")

    def __repr__(self) -> str:
        return f"<Child {self.__name__}>"


def own_child(definition: Any, *, own_run: bool, queue: str | None) -> Child | None:
    """What a workflow that is a step calls, if it is to be a run of its own. Raises DefinitionError for what means nothing."""
    if queue is not None and not own_run:
        raise DefinitionError(f"queue={shown(queue)} is for a run of its own: say own_run=True as well")
    if queue == "":
        raise DefinitionError("queue='' must be some text, such as 'reports'")
    return Child(definition, queue) if own_run else None


def child_key(parent: str, step: str, number: int) -> str:
    """The idempotency key of the `number`-th run that is a step of a run."""
    return f"child {parent}/{step}" if number == 1 else f"child {parent}/{step} {number}"


def ends_in(log: Iterable[tuple[int, float, e.Event]]) -> int:
    """How often the run of this log has ended otherwise than well."""
    return sum(isinstance(event, e.RunFailed | e.RunCancelled) for _, _, event in log)


def ends_heard(log: Iterable[tuple[int, float, e.Event]], step: str) -> int:
    """How often a step has heard, as its run's log tells it, that its child ended otherwise than well."""
    return sum(
        isinstance(event, e.StepCancelled)
        or (isinstance(event, e.StepFailed) and event.error.cause != "lost")
        for _, _, event in log
        if getattr(event, "step", None) == step
    )


def can_go_on(end: e.Event) -> bool:
    """Whether a run that ended so can be reopened."""
    return isinstance(end, e.RunFailed) and not end.undone


def as_failure(run: str, end: e.Event) -> Failure:
    """How a step fails whose run ended so."""
    if isinstance(end, e.RunFailed):
        error = end.error
        return Failure(error.type, f"run {run}: {error.message}", error.cause, error.bases, error.traceback)
    reason = getattr(end, "reason", "")
    said = f"run {run} was cancelled{f': {reason}' if reason else ''}"
    return Failure("penstock.errors.RunCancelled", said, "cancelled", ("penstock.errors.RunError",))


def ended_as(log: Iterable[tuple[int, float, e.Event]]) -> e.Event | None:
    """The last end in a log."""
    ends = [event for _, _, event in log if type(event) in e.FINAL]
    return ends[-1] if ends else None
