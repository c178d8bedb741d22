"""What the log of a past run tells: its attempts, how long people took to answer, how wide it was. Pure.

Where the code at hand still fits the log, the run is played again from it, without running a step: so it is known what each
attempt was given, and what the run waited for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from penstock.engine.recovery import Log
from penstock.model import events as e
from penstock.model import machine
from penstock.model.dropping import close_play
from penstock.model.history import Attempt, StepRecord, steps_in
from penstock.model.profile import driven
from penstock.model.program import Program, item_arguments
from penstock.whatif.learning import Sample

SizeOf = Callable[[Any], "int | None"]
"""The size of a value when it is encoded; None for one that cannot be."""

Key = tuple[str, int | None, int]
"""A step, an item of it, the number of an attempt."""


class Answer(NamedTuple):
    """A signal that came so many seconds after somebody waited for it."""

    seconds: float
    value: Any


class Past(NamedTuple):
    """A past run. `seconds` is how long it took, without the time in which nobody drove it; `width` how many attempts went on
    at once, at most; `overhead` the seconds between what made an attempt possible and its start, of the attempts of each step.
    """

    run: str
    status: str
    started: float
    seconds: float
    inputs: Any
    width: int
    samples: Mapping[str, Sequence[Sample]]
    answers: Mapping[str, Sequence[Answer]]
    overhead: Mapping[str, Sequence[float]]


def past_of(run_id: str, log: Log, program: Program | None, size_of: SizeOf) -> Past:
    """What a log tells; `program` is the code at hand, None where there is none."""
    first = log[0][2]
    assert isinstance(first, e.RunStarted)
    told = list(driven(log))
    sizes: dict[Key, int | None] = {}
    answers: dict[str, list[Answer]] = {}
    if program is not None and first.version in ("", program.version):
        _play(run_id, log, program, size_of, (sizes, answers))
    records = steps_in(told)
    samples = {name: list(_samples(record, sizes)) for name, record in records.items()}
    return Past(
        run=run_id,
        status=_STATUS.get(type(log[-1][2]), "running"),
        started=log[0][1],
        seconds=told[-1][1],
        inputs=first.input,
        width=_width(event for _, _, event in log),
        samples={name: each for name, each in samples.items() if each},
        answers=answers,
        overhead=_overhead(log),
    )


_STATUS = {e.RunDone: "completed", e.RunFailed: "failed", e.RunCancelled: "cancelled"}


def _samples(record: StepRecord, sizes: Mapping[Key, int | None]) -> Iterable[Sample]:
    for attempt in record.attempts:
        if attempt.ended_at is None or attempt.status not in ("completed", "failed", "timed_out"):
            continue
        seconds = max(0.0, attempt.ended_at - attempt.started_at)
        size = sizes.get((record.name, attempt.item, attempt.number))
        yield Sample(seconds, attempt.number, _value(record, attempt), attempt.error, size)


def _value(record: StepRecord, attempt: Attempt) -> Any:
    if attempt.status != "completed":
        return None
    return record.value if attempt.item is None else record.values.get(attempt.item)


def _width(log: Iterable[e.Event]) -> int:
    """How many attempts went on at once, at most."""
    running: set[tuple[str, int | None]] = set()
    most = 0
    for event in log:
        if isinstance(event, e.StepStarted):
            running.add((event.step, event.item))
            most = max(most, len(running))
        elif isinstance(event, e.StepDone | e.StepFailed | e.StepCancelled):
            running.discard((event.step, event.item))
        elif isinstance(event, e.Owned):
            running.clear()
    return most


def _overhead(log: Log) -> dict[str, list[float]]:
    """By step, how long after the event before it each attempt started, or after its retry was due."""
    before = 0.0
    due: dict[tuple[str, int | None], float] = {}
    found: dict[str, list[float]] = {}
    for _, at, event in log:
        if isinstance(event, e.StepStarted):
            since = max(before, due.pop((event.step, event.item), 0.0))
            found.setdefault(event.step, []).append(max(0.0, at - since))
        elif isinstance(event, e.StepFailed) and event.retry_at is not None:
            due[event.step, event.item] = event.retry_at
        before = at
    return found


def _play(
    run_id: str,
    log: Log,
    program: Program,
    size_of: SizeOf,
    found: tuple[dict[Key, int | None], dict[str, list[Answer]]],
) -> None:
    """Fold the log, and note what attempts were given and how long signals took; as far as the code goes along with it."""
    sizes, answers = found
    state = machine.Run(run_id, program, machine.forgiven_in(event for _, _, event in log))
    asked: dict[str, float] = {}  # waits by step: since when
    try:
        for sequence, at, event in log:
            if isinstance(event, e.Signalled):
                answers.setdefault(event.name, []).append(_answer(state, event, asked, at))
            machine.fold(state, [(sequence, at, event)])
            if isinstance(event, e.StepStarted):
                sizes[event.step, event.item, event.attempt] = _size(state, event, size_of)
            for waiting in state.waiters.values():
                for step in waiting:
                    asked.setdefault(step.id, at)
    except Exception:  # the code goes another way now: what was found so far holds
        return
    finally:
        if state.root is not None:
            close_play(state.root, "its log was read")


def _size(state: machine.Run, event: e.StepStarted, size_of: SizeOf) -> int | None:
    step = state.open.get(event.step)
    if step is None:
        return None
    return size_of_ask(step.ask, event.item, size_of)


def size_of_ask(ask: Any, item: int | None, size_of: SizeOf) -> int | None:
    """The size of what a step, or an item of a map, is given."""
    try:
        given = [list(ask.args), dict(ask.kwargs)] if item is None else dict(item_arguments(ask, item))
    except Exception:  # an item that is no mapping fails its step, not us
        return None
    return size_of(given)


def _answer(state: machine.Run, event: e.Signalled, asked: Mapping[str, float], at: float) -> Answer:
    waiting = state.waiters.get(event.name)
    since = asked.get(waiting[0].id, at) if waiting else at
    return Answer(max(0.0, at - since), event.value)
