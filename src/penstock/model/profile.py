"""Where a run's time went, as its log tells it: seconds in steps, waiting and between steps; the critical path. Pure.

Seconds are counted from the run's first event, and stand still while nobody drove the run: between the last event that one
engine recorded and the first of the next, and while the run had failed and was not yet reopened.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

from penstock.model import events as e
from penstock.model.graph import layers
from penstock.model.history import Attempt, StepRecord, steps_in
from penstock.model.states import StepStatus

Log = Iterable[tuple[int, float, e.Event]]
Needs = Mapping[str, Sequence[str]]
"""Step -> the steps it depends on."""

Span = tuple[float, float]


class Items(NamedTuple):
    """The items of a map that were started; an item's seconds are those of all its attempts, `slowest` is its index."""

    number: int
    seconds: float
    mean: float
    slowest: int
    slowest_seconds: float


class StepTimes(NamedTuple):
    """One step. `seconds` sums its attempts up, those side by side too; `share` is that of all steps' seconds.

    `queued` is how long it was ready and not started, None where nothing is known of what it depends on; `retrying` is how long
    it, or its items, waited between attempts. `active` is how long it kept others waiting: its attempts and the waits between
    them, each moment once.
    """

    step: str
    status: StepStatus
    attempts: int
    started: float | None
    ended: float | None
    seconds: float
    share: float
    queued: float | None
    retrying: float
    active: float
    items: Items | None


class Profile(NamedTuple):
    """A run. `seconds` is what the others add up to: some step ran (`in_steps`), none ran because of a retry's delay or a
    pause (`waiting`), or none ran for other reasons (`outside`: the engine, the disk, executors that start).

    `away` comes on top: nobody drove the run. `critical` is the chain of dependent steps that took longest, None where
    nothing is known of what steps depend on.
    """

    seconds: float
    in_steps: float
    waiting: float
    outside: float
    away: float
    steps: list[StepTimes]
    critical: list[str] | None
    critical_seconds: float | None

    def slowest(self) -> list[StepTimes]:
        """The steps that ran, those that took most seconds first."""
        ran = [step for step in self.steps if step.attempts]
        return sorted(ran, key=lambda step: -step.seconds)


def profile_of(log: Log, depends_on: Needs | None = None, at: float | None = None) -> Profile:
    """The profile of a run, finished or not. What goes on is counted up to `at`, if the run is driven then, else up to the
    last event.
    """
    told = list(log)
    by_clock = list(driven(told))
    now = by_clock[-1][1] if by_clock else 0.0
    away = told[-1][1] - told[0][1] - now if told else 0.0
    if at is not None and told and type(told[-1][2]) not in e.FINAL:
        now += max(0.0, at - told[-1][1])
    records = steps_in(by_clock)
    spans = {name: _spans(record, now) for name, record in records.items()}
    ready = None if depends_on is None else _ready(records, depends_on)
    total = sum(end - start for span in spans.values() for start, end in span.attempts)
    steps = [_step(record, spans[record.name], ready, total) for record in records.values()]
    running = [span for each in spans.values() for span in each.attempts]
    held = [span for each in spans.values() for span in each.waits] + list(_pauses(by_clock, now))
    in_steps, busy = _covered(running), _covered(running + held)
    active = {step.step: step.active for step in steps if step.attempts}
    critical = None if depends_on is None else _critical(active, depends_on)
    length = None if critical is None else sum(active[name] for name in critical)
    return Profile(now, in_steps, busy - in_steps, now - busy, away, steps, critical, length)


def driven(log: Log) -> Iterator[tuple[int, float, e.Event]]:
    """The log by a clock that starts with it and stands still while nobody drives the run."""
    away: float | None = None
    last, over = 0.0, False
    for sequence, at, event in log:
        if away is None:
            away = last = at
        if over or isinstance(event, e.Owned):
            away += max(0.0, at - last)
        last = max(last, at)
        over = type(event) in e.FINAL
        yield sequence, last - away, event


class _Spans(NamedTuple):
    """When a step, or any item of it, ran, and when one waited for its next attempt; `by_item` are seconds."""

    attempts: list[Span]
    waits: list[Span]
    by_item: dict[int | None, float]


def _spans(record: StepRecord, now: float) -> _Spans:
    of_item: dict[int | None, list[Attempt]] = {}
    for attempt in record.attempts:
        of_item.setdefault(attempt.item, []).append(attempt)
    found = _Spans([], [], {})
    for item, attempts in of_item.items():
        starts = [attempt.started_at for attempt in attempts]
        nexts = [*starts[1:], now]
        ends = [
            a.ended_at if a.ended_at is not None else then for a, then in zip(attempts, nexts, strict=True)
        ]
        mine = list(zip(starts, ends, strict=True))
        found.attempts.extend(mine)
        found.waits.extend((end, start) for (_, end), (start, _) in pairwise(mine))
        found.by_item[item] = sum(end - start for start, end in mine)
    return found


def _ready(records: Mapping[str, StepRecord], depends_on: Needs) -> dict[str, float]:
    """When each step could have started: the last that it depends on had settled. One that never ran passes that on."""
    ready: dict[str, float] = {}
    settled: dict[str, float] = {}
    for name in _in_order(depends_on):
        ready[name] = max((settled[need] for need in depends_on[name]), default=0.0)
        record = records.get(name)
        ended = None if record is None else record.ended_at
        settled[name] = ready[name] if ended is None else ended
    return ready


def _step(record: StepRecord, spans: _Spans, ready: Mapping[str, float] | None, total: float) -> StepTimes:
    seconds = sum(spans.by_item.values())
    started = record.started_at
    queued = None
    if ready is not None and record.name in ready:
        queued = 0.0 if started is None else max(0.0, started - ready[record.name])
    return StepTimes(
        step=record.name,
        status=record.status,
        attempts=len(record.attempts),
        started=started,
        ended=record.ended_at,
        seconds=seconds,
        share=seconds / total if total else 0.0,
        queued=queued,
        retrying=sum(end - start for start, end in spans.waits),
        active=_covered(spans.attempts + spans.waits),
        items=_items(spans.by_item),
    )


def _items(by_item: Mapping[int | None, float]) -> Items | None:
    seconds = {item: each for item, each in by_item.items() if item is not None}
    if not seconds:
        return None
    slowest = max(seconds, key=seconds.__getitem__)
    total = sum(seconds.values())
    return Items(len(seconds), total, total / len(seconds), slowest, seconds[slowest])


def _pauses(log: Log, now: float) -> Iterator[Span]:
    since: float | None = None
    for _, at, event in log:
        if isinstance(event, e.Paused):
            since = at
        elif since is not None and (isinstance(event, e.Resumed) or type(event) in e.FINAL):
            yield since, at
            since = None
    if since is not None:
        yield since, now


def _covered(spans: Iterable[Span]) -> float:
    """Seconds in which at least one of them was."""
    total, reached = 0.0, float("-inf")
    for start, end in sorted(spans):
        total += max(0.0, end - max(start, reached))
        reached = max(reached, end)
    return total


def _critical(active: Mapping[str, float], depends_on: Needs) -> list[str]:
    """The chain of dependent steps whose active seconds are most, of equals the longer; those that never ran are passed by."""
    length: dict[str, tuple[float, int]] = {}
    before: dict[str, str | None] = {}
    for name in _in_order(depends_on):
        longest = max(depends_on[name], key=length.__getitem__, default=None)
        before[name] = longest
        seconds, steps = (0.0, 0) if longest is None else length[longest]
        length[name] = (seconds + active.get(name, 0.0), steps + (name in active))
    chain = []
    last = max(length, key=length.__getitem__, default=None)
    while last is not None:
        if last in active:
            chain.append(last)
        last = before[last]
    return chain[::-1]


def _in_order(depends_on: Needs) -> list[str]:
    return [name for layer in layers(depends_on) for name in layer]
