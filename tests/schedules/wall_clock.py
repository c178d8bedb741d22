"""What cron means, said a second time and slowly: minute by minute, looking at nothing but what the clock on the wall shows.

- A rule about the wall's clock runs in the first minute in which the clock shows its time, not when it shows it again; and in
  the first minute after a gap if the clock left its time out.
- A rule about time that passes runs in every minute in which the clock shows one of its times.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

MINUTE = timedelta(minutes=1)
DAY = 86_400
ALL_HOURS, ALL_MINUTES, ALL_DAYS = frozenset(range(24)), frozenset(range(60)), frozenset(range(1, 32))


class Meaning(NamedTuple):
    """An expression, and what its fields mean."""

    expression: str
    minutes: frozenset[int]
    hours: frozenset[int]
    on_the_wall: bool
    weekdays: frozenset[int] = frozenset(range(7))  # as datetime counts them
    days: frozenset[int] = ALL_DAYS

    def means(self, wall: datetime) -> bool:
        return (
            wall.minute in self.minutes
            and wall.hour in self.hours
            and wall.weekday() in self.weekdays
            and wall.day in self.days
        )


def meanings_around(wall: datetime) -> list[Meaning]:
    """Expressions that have to do with the hour of this wall time: it is where a clock was set."""
    hour, next_hour = wall.hour, (wall.hour + 1) % 24
    near = frozenset({hour, next_hour})
    hours = ",".join(map(str, sorted(near)))
    return [
        Meaning(f"30 {hour} * * *", frozenset({30}), frozenset({hour}), True),
        Meaning(f"0,15,59 {hours} * * *", frozenset({0, 15, 59}), near, True),
        Meaning("10-50/20 0-23 * * *", frozenset({10, 30, 50}), ALL_HOURS, True),
        Meaning("5 0,12,23 * * SUN,SAT", frozenset({5}), frozenset({0, 12, 23}), True, frozenset({5, 6})),
        Meaning(f"20 {hours} 1-15 * *", frozenset({20}), near, True, days=frozenset(range(1, 16))),
        Meaning("*/30 * * * *", frozenset({0, 30}), ALL_HOURS, False),
        Meaning(f"* {hour} * * *", ALL_MINUTES, frozenset({hour}), False),
        Meaning("45 */2 * * *", frozenset({45}), frozenset(range(0, 24, 2)), False),
        Meaning(
            "*/20 0,23 * * SUN,MON", frozenset({0, 20, 40}), frozenset({0, 23}), False, frozenset({6, 0})
        ),
    ]


def oracle(meanings: Iterable[Meaning], zone: ZoneInfo, first: int, until: int) -> list[list[int]]:
    """For each meaning its moments in [first, until); both are whole minutes, and clocks are not set twice within 4 hours."""
    found: list[list[int]] = [[] for _ in meanings]
    pairs = list(zip(meanings, found, strict=True))
    before = shown_at(first - 60, zone)
    latest = max(shown_at(first - 60 * back, zone) for back in range(1, 4 * 60))
    for moment in range(first, until, 60):
        shown = shown_at(moment, zone)
        left_out = list(_between(before, shown)) if shown - before > MINUTE else []
        for meaning, moments in pairs:
            if meaning.on_the_wall:
                is_first = shown > latest
                if (is_first and meaning.means(shown)) or any(map(meaning.means, left_out)):
                    moments.append(moment)
            elif meaning.means(shown):
                moments.append(moment)
        before, latest = shown, max(latest, shown)
    return found


def transitions(zone: ZoneInfo, first_year: int, years: int) -> Iterator[int]:
    """The moments at which the clocks of a zone are set."""
    at, end = first_of(first_year), first_of(first_year + years)
    offset = offset_at(at, zone)
    while at < end:
        if offset_at(at + DAY, zone) != offset:
            yield _between_offsets(at, at + DAY, zone)
            offset = offset_at(at + DAY, zone)
        at += DAY


def _between_offsets(early: int, late: int, zone: ZoneInfo) -> int:
    offset = offset_at(late, zone)
    while late - early > 1:
        middle = (early + late) // 2
        early, late = (early, middle) if offset_at(middle, zone) == offset else (middle, late)
    return late


def _between(before: datetime, shown: datetime) -> Iterator[datetime]:
    """The minutes that the clock left out."""
    at = before + MINUTE
    while at < shown:
        yield at
        at += MINUTE


def shown_at(moment: int, zone: ZoneInfo) -> datetime:
    return datetime.fromtimestamp(moment, zone).replace(tzinfo=None, fold=0)


def offset_at(moment: int, zone: ZoneInfo) -> timedelta | None:
    return datetime.fromtimestamp(moment, zone).utcoffset()


def first_of(year: int) -> int:
    """The moment at which a year begins."""
    return int(datetime(year, 1, 1, tzinfo=UTC).timestamp())
