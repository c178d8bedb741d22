"""Holds cron rules against the oracle around every moment at which the clocks of a zone are set."""

from __future__ import annotations

from datetime import timedelta
from itertools import takewhile
from zoneinfo import ZoneInfo

from penstock.app.scheduling.cron import moments_after, timetable
from tests.schedules.wall_clock import first_of, meanings_around, offset_at, oracle, shown_at, transitions

FIRST_YEAR, YEARS = 2008, 20
BEFORE, AFTER = 3 * 3_600, 4 * 3_600


def disagreements(name: str, *, every: int = 1) -> list[str]:
    """Where the rules and the oracle do not say the same in a zone, a line each; of many transitions only `every` so many."""
    zone = ZoneInfo(name)
    found = list(transitions(zone, FIRST_YEAR, YEARS))
    chosen = found[::every] if len(found) > 8 else found
    return [line for at in chosen for line in _around(name, zone, at)]


def _around(name: str, zone: ZoneInfo, at: int) -> list[str]:
    at = at // 60 * 60
    first, until = at - BEFORE, at + AFTER
    meanings = meanings_around(shown_at(at - 3_600, zone)) + meanings_around(shown_at(at, zone))
    said = oracle(meanings, zone, first, until)
    faults = []
    for meaning, wanted in zip(meanings, said, strict=True):
        table = timetable(meaning.expression, name)
        for start in (
            first,
            at - 60,
            at,
            at + 1_800,
        ):  # what is due does not depend on where one begins to look
            found = list(takewhile(lambda moment: moment < until, moments_after(table, start - 1)))
            expected = [moment for moment in wanted if moment >= start]
            if found != expected:
                faults.append(f"{meaning.expression!r} in {name} from {start}: {found}, not {expected}")
    return faults


def transitions_of(name: str) -> tuple[tuple[int, timedelta | None], ...]:
    """When and to what the clocks of a zone are set, and what they show at first."""
    zone = ZoneInfo(name)
    moments = [first_of(FIRST_YEAR), *transitions(zone, FIRST_YEAR, YEARS)]
    return tuple((moment, offset_at(moment, zone)) for moment in moments)
