"""What differs between two runs, as their logs tell: what they were given, what came of it, how, and by which code. Pure.

1. Only what differs is told. Ids, and when something was, differ always and are left out.
2. Seconds differ if they do so by a tenth of a second and by half; steps that were reused took none, and are as good as run.
3. Values are compared as the store holds them, and what is inside them by its path.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import zip_longest
from typing import Any, Final

import msgspec

from penstock.engine.recovery import Log
from penstock.model import events as e
from penstock.model.events import FORKED
from penstock.model.failure import Failure
from penstock.model.history import StepRecord, steps_in

SECONDS: Final = 0.1
SHARE: Final = 1.5

MISSING: Final = "(nothing)"
"""Stands for what one of two values does not have."""

Pair = tuple[Any, Any]
Plain = Callable[[Any], Any]
"""A value as the store holds it: what JSON knows, which can be compared."""


class Inside(msgspec.Struct, frozen=True):
    """One place in which two values differ; `at` is empty for the whole."""

    at: str
    values: Pair


class StepDifference(msgspec.Struct, frozen=True):
    """What differs of one step; `only_in` is the run that has it if the other has not. What is None does not differ."""

    step: str
    only_in: str | None = None
    status: Pair | None = None
    values: tuple[Inside, ...] = ()
    error: Pair | None = None
    attempts: Pair | None = None
    seconds: Pair | None = None


class Comparison(msgspec.Struct, frozen=True):
    """What differs between two runs. What is None or empty does not differ."""

    runs: tuple[str, str]
    workflow: Pair | None
    code: Mapping[str, Pair]
    inputs: tuple[Inside, ...]
    signals: tuple[Inside, ...]
    tags: tuple[Inside, ...]
    status: Pair | None
    result: tuple[Inside, ...]
    error: Pair | None
    seconds: Pair | None
    steps: tuple[StepDifference, ...]

    @property
    def same(self) -> bool:
        """Whether nothing differs."""
        return not any(getattr(self, name) for name in self.__struct_fields__ if name != "runs")


def compare(ids: tuple[str, str], one: Log, other: Log, plain: Plain) -> Comparison:
    """What differs between two runs, each with its whole log so far."""
    first, second = _started(one), _started(other)
    ends = _end(one), _end(other)
    return Comparison(
        ids,
        _pair(first.workflow, second.workflow),
        _code(first, second),
        _inside(first.input or {}, second.input or {}, plain),
        _inside(_signals(one), _signals(other), plain),
        _inside(first.tags, second.tags, plain),
        _pair(ends[0][0], ends[1][0]),
        _inside(ends[0][1], ends[1][1], plain),
        _pair(_told(ends[0][2]), _told(ends[1][2])),
        _seconds(one[-1][1] - one[0][1], other[-1][1] - other[0][1]),
        tuple(_steps(ids, steps_in(one), steps_in(other), plain)),
    )


def made_of(log: Log) -> str | None:
    """The run that a run was forked from, if it was."""
    notes = (event for _, _, event in log if isinstance(event, e.Noted))
    return next((str(note.data["run"]) for note in notes if note.topic == FORKED), None)


def _started(log: Log) -> e.RunStarted:
    started = log[0][2]
    assert isinstance(started, e.RunStarted)
    return started


def _code(one: e.RunStarted, other: e.RunStarted) -> dict[str, Pair]:
    found = {name: _pair(one.source.get(name), other.source.get(name)) for name in ("file", "name", "hash")}
    found["version"] = _pair(one.version or None, other.version or None)
    return {name: pair for name, pair in found.items() if pair is not None}


def _signals(log: Log) -> list[Any]:
    return [[event.name, event.value] for _, _, event in log if isinstance(event, e.Signalled)]


def _end(log: Log) -> tuple[str, Any, Failure | None]:
    match log[-1][2]:
        case e.RunDone(value=value):
            return "completed", value, None
        case e.RunFailed(error=error):
            return "failed", None, error
        case e.RunCancelled():
            return "cancelled", None, None
        case _:
            return "unfinished", None, None


def _steps(
    ids: tuple[str, str], one: Mapping[str, StepRecord], other: Mapping[str, StepRecord], plain: Plain
) -> Iterator[StepDifference]:
    for name in dict.fromkeys((*one, *other)):
        if name not in one or name not in other:
            yield StepDifference(name, only_in=ids[0] if name in one else ids[1])
        elif (found := _step(one[name], other[name], plain)) != StepDifference(name):
            yield found


def _step(one: StepRecord, other: StepRecord, plain: Plain) -> StepDifference:
    ran = bool(one.attempts and other.attempts)
    return StepDifference(
        one.name,
        None,
        _pair(_status(one), _status(other)),
        _inside(_value(one), _value(other), plain),
        _pair(_told(one.error), _told(other.error)) if ran else None,
        _pair(len(one.attempts), len(other.attempts)) if ran else None,
        _seconds(_took(one), _took(other)) if ran else None,
    )


def _status(record: StepRecord) -> str:
    return "completed" if record.status == "reused" else record.status


def _value(record: StepRecord) -> Any:
    """A map's by its items; one that failed has none, collected or not."""
    value = record.value
    if record.items and value is None:
        return [record.values.get(item) for item in sorted(record.items)]
    if isinstance(value, list) and any(isinstance(each, Failure) for each in value):
        return [None if isinstance(each, Failure) else each for each in value]
    return value


def _took(record: StepRecord) -> float:
    return sum((a.ended_at or a.started_at) - a.started_at for a in record.attempts)


def _told(error: Failure | None) -> str | None:
    return None if error is None else f"{error.type.rpartition('.')[2]}: {error.message}"


def _pair(one: Any, other: Any) -> Pair | None:
    return None if one == other else (one, other)


def _seconds(one: float, other: float) -> Pair | None:
    less, more = sorted((one, other))
    return (one, other) if more - less >= SECONDS and more >= less * SHARE else None


def _inside(one: Any, other: Any, plain: Plain) -> tuple[Inside, ...]:
    return tuple(differences(plain(one), plain(other)))


def differences(one: Any, other: Any, at: str = "") -> Iterator[Inside]:
    """Where two values of what JSON knows differ, the smallest parts that do; what stands for an object is passed through."""
    if _is_tagged(one) and _is_tagged(other) and one["$"] == other["$"]:
        yield from differences(one["v"], other["v"], at)
    elif type(one) is type(other) and isinstance(one, dict):
        for name in dict.fromkeys((*one, *other)):
            yield from differences(one.get(name, MISSING), other.get(name, MISSING), _joined(at, name))
    elif type(one) is type(other) and isinstance(one, list):
        for number, (left, right) in enumerate(zip_longest(one, other, fillvalue=MISSING)):
            yield from differences(left, right, f"{at}[{number}]")
    elif one != other:
        yield Inside(at, (one, other))


def _is_tagged(value: Any) -> bool:
    return isinstance(value, dict) and value.keys() == {"$", "v"}


def _joined(at: str, name: Any) -> str:
    return f"{at}.{name}" if at else str(name)


def fewer(inside: Iterable[Inside], most: int) -> tuple[list[Inside], int]:
    """The first of them, and how many more there are."""
    found = list(inside)
    return found[:most], max(0, len(found) - most)
