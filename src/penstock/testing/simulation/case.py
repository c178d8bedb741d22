"""What a simulated run is given: a program, its input, how its steps fare, the signals it needs, and what must come of it.

A step's fate depends on how often it has failed and been reopened as recorded, never on how often it was tried: a crash changes
nothing of it. So what a run ends with can be said beforehand, by a reference that knows nothing of the engine.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from random import Random
from types import MappingProxyType
from typing import Any, Literal, NamedTuple, Protocol

import msgspec

from penstock.errors import Retry
from penstock.model import events as e
from penstock.model.program import Program

Log = Sequence[tuple[int, float, e.Event]]
Key = tuple[str, int | None]


class Fate(msgspec.Struct, frozen=True):
    """How attempts of a step end: the first `failures` of them badly, `how` says in which way.

    "retry" raises Retry(after=0.3); "hang" takes longer than the step's timeout. With `until_reopened` it fails as long as the
    run was not reopened.
    """

    failures: int = 0
    how: Literal["error", "retry", "hang"] = "error"
    until_reopened: bool = False


class Broken(Exception):
    """What a step raises that its fate has fail."""


class Expected(NamedTuple):
    """How a run must end: completed with `value`, or failed at one of the steps `blamed`."""

    status: str
    value: Any = None
    blamed: frozenset[str] = frozenset()
    skipped: frozenset[str] | None = None


class Facts(NamedTuple):
    """What the log decided that no definition can: signals by name in order, steps that failed for good by being too slow.

    `done` are the results of steps that are runs of their own: what must come of those is worked out for them.
    """

    signals: Mapping[str, Sequence[Any]]
    timed_out: frozenset[Key]
    reopened: int
    done: Mapping[str, Any] = MappingProxyType({})


class Case(Protocol):
    """One run to be simulated. `style` names the kind; `fates` are by (step id, item)."""

    @property
    def style(self) -> str: ...
    @property
    def program(self) -> Program: ...
    @property
    def input(self) -> Any: ...
    @property
    def fates(self) -> Mapping[Key, Fate]: ...
    @property
    def signals(self) -> Sequence[tuple[str, Any]]: ...

    def expected(self, facts: Facts) -> Expected:
        """What the run ends with, worked out without the engine."""

    def disorder(self, log: Log) -> Iterable[str]:
        """What in the order of a log is not as this style promises, a sentence each."""


Draw = Callable[[Random], Case]
"""A case by chance: the same generator state gives the same case."""


def bad_end(fate: Fate, failures: int, reopened: int) -> bool:
    """Whether the next attempt fails."""
    if fate.until_reopened:
        return reopened == 0
    return failures < fate.failures


def raise_as(fate: Fate, failures: int) -> None:
    """Fail as the fate says."""
    if fate.how == "retry":
        raise Retry("not yet", after=0.3)
    raise Broken(f"failure {failures + 1}")


def facts_in(log: Log) -> Facts:
    """What a log decided by itself."""
    signals: dict[str, list[Any]] = {}
    slow: dict[int, Key] = {}
    reopened = 0
    done: dict[str, Any] = {}
    for sequence, _, event in log:
        if isinstance(event, e.StepDone | e.StepReused):
            done[event.step] = event.value
        elif isinstance(event, e.Signalled):
            signals.setdefault(event.name, []).append(event.value)
        elif isinstance(event, e.StepFailed) and event.retry_at is None and event.error.cause == "timeout":
            slow[sequence] = (event.step, event.item)
        elif isinstance(event, e.RunReopened):
            reopened += 1
            for forgiven in event.forgiven:
                slow.pop(forgiven, None)
    return Facts(signals, frozenset(slow.values()), reopened, done)


def dies(fate: Fate, attempts: int, facts: Facts) -> bool:
    """Whether a step of this fate, allowed so many attempts, fails for good."""
    if fate.until_reopened:
        return facts.reopened == 0
    if fate.how == "retry":
        return fate.failures >= (100 if attempts == 1 else attempts)
    return fate.failures >= attempts
