"""What a schedule says, and the rule by which its moments become runs. Pure.

1. A moment is fired at its due time: the moment itself, later by a jitter that only the schedule's name and the moment decide.
2. A moment that nobody fired within GRACE_SECONDS of its due time is missed. Of missed moments `catch_up` fires none, the
   latest alone and only if none is due in time, or all, the newest `at_most` of them.
3. While the run of an earlier moment is not over, `overlap` allows another beside it, skips the moment, or cancels that run.
4. Whatever is not fired is left out for good, and counted; only a backfill brings it.
"""

from __future__ import annotations

import hashlib
from typing import Any, Final, Literal, NamedTuple

import msgspec

from penstock.app.scheduling.rules import Rule, following, named, past

GRACE_SECONDS: Final = 10.0
AT_MOST: Final = 100
MOST_AT_ONCE: Final = 1_000

CatchUp = Literal["none", "latest", "all"]
Overlap = Literal["allow", "skip", "cancel"]


class Schedule(msgspec.Struct, frozen=True, kw_only=True):
    """A schedule as the store keeps it: what to run, when, and how far it is.

    `inputs` is a codec's text. `moment_input` is the input that is given the moment, as text if `moment_as_text`. `next` is the
    first moment that was not decided yet, None when there is none any more, and `due` when it is fired; `last_run` the run of
    the last one fired.
    """

    name: str
    workflow: str
    rule: Rule
    inputs: str = "{}"
    source: dict[str, Any] = {}
    version: str = ""
    queue: str = "default"
    priority: int = 0
    tags: dict[str, str] = {}
    timeout: float | None = None
    catch_up: CatchUp = "latest"
    at_most: int = AT_MOST
    overlap: Overlap = "allow"
    jitter: float = 0.0
    until: float | None = None
    moment_input: str | None = None
    moment_as_text: bool = False
    paused: bool = False
    next: float | None = None
    due: float | None = None
    last: float | None = None
    last_run: str | None = None
    fired: int = 0
    left_out: int = 0


class Decision(NamedTuple):
    """The moments to fire now, how many were left out, and the schedule as it is once that is done."""

    fire: tuple[float, ...]
    left_out: int
    schedule: Schedule


def due_of(schedule: Schedule, moment: float) -> float:
    """When a moment is fired. A jitter never reaches the next moment."""
    if not schedule.jitter:
        return moment
    after = following(schedule.rule, moment)
    room = schedule.jitter if after is None else min(schedule.jitter, after - moment)
    chance = hashlib.sha256(f"{schedule.name}\0{named(moment)}".encode()).digest()
    return moment + room * int.from_bytes(chance[:6], "big") / 2**48


def awaiting(schedule: Schedule, moment: float | None) -> Schedule:
    """The schedule with that moment as its next."""
    due = None if moment is None else due_of(schedule, moment)
    return msgspec.structs.replace(schedule, next=moment, due=due)


def next_due(schedule: Schedule) -> float | None:
    """When there is something to decide; None while it is paused and when it is done."""
    return None if schedule.paused else schedule.due


def decide(schedule: Schedule, now: float, *, last_is_over: bool) -> Decision | None:
    """What becomes of the moments that are due; None if none is."""
    due = next_due(schedule)
    if due is None or schedule.next is None or due > now:
        return None
    count, newest = past(schedule.rule, schedule.next, _sooner(now, schedule.until), MOST_AT_ONCE)
    moments = list(newest)
    if due_of(schedule, moments[-1]) > now:
        count -= 1
        upcoming: float | None = moments.pop()
    else:
        upcoming = upcoming_of(schedule, moments[-1])
    fire = _without_overlap(schedule, _caught_up(schedule, moments, now), last_is_over)
    left_out = count - len(fire)
    changed = msgspec.structs.replace(
        awaiting(schedule, upcoming),
        last=fire[-1] if fire else schedule.last,
        fired=schedule.fired + len(fire),
        left_out=schedule.left_out + left_out,
    )
    return Decision(tuple(fire), left_out, changed)


def upcoming_of(schedule: Schedule, after: float) -> float | None:
    """The schedule's first moment later than `after`, within its bounds."""
    moment = following(schedule.rule, after)
    return None if moment is None or moment > _sooner(moment, schedule.until) else moment


def _caught_up(schedule: Schedule, moments: list[float], now: float) -> list[float]:
    bound = len(moments)
    while bound and due_of(schedule, moments[bound - 1]) >= now - GRACE_SECONDS:
        bound -= 1
    missed, timely = moments[:bound], moments[bound:]
    match schedule.catch_up:
        case "none":
            return timely
        case "latest":
            return timely or missed[-1:]
        case "all":
            return missed[-schedule.at_most :] + timely


def _without_overlap(schedule: Schedule, moments: list[float], last_is_over: bool) -> list[float]:
    match schedule.overlap:
        case "allow":
            return moments
        case "skip":
            return moments[:1] if last_is_over else []
        case "cancel":
            return moments[-1:]


def _sooner(moment: float, until: float | None) -> float:
    return moment if until is None else min(moment, until)
