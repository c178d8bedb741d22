"""When a schedule is due: by a cron expression, every so many seconds, or once. Pure.

Moments are seconds since 1970, to the millisecond, so that every process names the same ones.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from itertools import takewhile
from typing import Final, NamedTuple

import msgspec

from penstock.app.scheduling.cron import moments_after, timetable
from penstock.app.scheduling.zones import wall_at, zone_named

LEAST_SECONDS: Final = 0.1


class Cron(msgspec.Struct, frozen=True, tag="cron"):
    """Five fields, read on the clocks of a time zone."""

    expression: str
    zone: str = "UTC"


class Every(msgspec.Struct, frozen=True, tag="every"):
    """`start` and every so many seconds after it, whatever clocks show."""

    seconds: float
    start: float


class Once(msgspec.Struct, frozen=True, tag="once"):
    """One moment."""

    at: float


Rule = Cron | Every | Once


class Past(NamedTuple):
    """How many moments were due, and the newest of them in order."""

    total: int
    newest: Sequence[float]


def following(rule: Rule, after: float) -> float | None:
    """The first moment later than `after`, if there is one."""
    return next(upcoming(rule, after), None)


def upcoming(rule: Rule, after: float) -> Iterator[float]:
    """The moments later than `after`, in order."""
    match rule:
        case Cron(expression, zone):
            yield from map(float, moments_after(timetable(expression, zone), after))
        case Once(at):
            yield from (at,) if at > after else ()
        case Every():
            number = _number_after(rule, after)
            while True:
                yield _moment(rule, number)
                number += 1


def between(rule: Rule, first: float, until: float) -> Iterator[float]:
    """The moments from `first` to `until`, both among them."""
    return takewhile(lambda moment: moment <= until, upcoming(rule, math.nextafter(first, -math.inf)))


def past(rule: Rule, first: float, until: float, newest: int) -> Past:
    """The moments from `first` to `until`: all are counted, the newest few told."""
    if isinstance(rule, Every):
        begin = _number_after(rule, math.nextafter(first, -math.inf))
        end = _number_after(rule, until)
        told = [_moment(rule, number) for number in range(max(begin, end - newest), end)]
        return Past(max(0, end - begin), told)
    found = list(between(rule, first, until))
    return Past(len(found), deque(found, newest))


def named(moment: float, zone: str = "UTC") -> str:
    """A moment as people and keys write it: `2026-03-29T01:00:00+00:00`."""
    at = datetime.fromtimestamp(moment, UTC) if zone == "UTC" else wall_at(moment, zone_named(zone))
    return at.isoformat(timespec="milliseconds" if moment % 1 else "seconds")


def zone_of(rule: Rule) -> str:
    """On whose clocks a rule is read."""
    return rule.zone if isinstance(rule, Cron) else "UTC"


def _moment(rule: Every, number: int) -> float:
    return round(rule.start + number * rule.seconds, 3)


def _number_after(rule: Every, after: float) -> int:
    number = max(0, math.floor((after - rule.start) / rule.seconds))
    while _moment(rule, number) <= after:
        number += 1
    while number > 0 and _moment(rule, number - 1) > after:
        number -= 1
    return number
