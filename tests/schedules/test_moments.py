"""When schedules are due: cron against a minute-by-minute oracle wherever clocks are set, intervals, and one moment."""

from __future__ import annotations

import zoneinfo
from datetime import datetime
from itertools import islice
from zoneinfo import ZoneInfo

import pytest

from penstock.app.scheduling.rules import Cron, Every, Once, Rule, between, following, named, past, upcoming
from penstock.errors import SettingsError
from tests.schedules.agreeing import disagreements

SAMPLED = (
    "Europe/Rome", "America/New_York", "America/Santiago",  # in both halves of the year
    "Australia/Lord_Howe",  # half an hour
    "Asia/Beirut", "Asia/Gaza", "Africa/Cairo", "America/Asuncion", "America/Havana", "Asia/Tehran",  # at midnight
    "America/Scoresbysund", "Atlantic/Azores", "America/Nuuk",  # across midnight of the day before
    "Africa/Casablanca",  # twice a year forth and back
    "America/St_Johns",  # at a minute past midnight
    "Antarctica/Troll",  # two hours
    "Pacific/Apia", "Pacific/Fakaofo",  # a day left out
    "Asia/Pyongyang", "America/Caracas", "Asia/Kathmandu", "Pacific/Norfolk",  # half hours, once
    "Europe/Volgograd", "Asia/Kolkata", "UTC",
)  # fmt: skip


def at(text: str, zone: str = "Europe/Rome") -> float:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp()


def few(rule: Rule, after: float, count: int, zone: str = "Europe/Rome") -> list[str]:
    return [named(moment, zone) for moment in islice(upcoming(rule, after), count)]


@pytest.mark.parametrize("zone", SAMPLED)
def test_cron_agrees_with_the_oracle_wherever_clocks_are_set(zone: str) -> None:
    assert zone in zoneinfo.available_timezones()
    assert disagreements(zone, every=5)[:3] == []  # `make soak` has them all, of every zone


def test_a_time_that_is_left_out_comes_right_after_the_gap_and_once() -> None:
    rule = Cron("0,30 2 * * *", "Europe/Rome")
    assert few(rule, at("2026-03-28T12:00"), 3) == [
        "2026-03-29T03:00:00+02:00",
        "2026-03-30T02:00:00+02:00",
        "2026-03-30T02:30:00+02:00",
    ]


def test_a_time_that_comes_twice_counts_once_and_time_that_passes_goes_on() -> None:
    assert few(Cron("30 2 * * *", "Europe/Rome"), at("2026-10-25T00:00"), 2) == [
        "2026-10-25T02:30:00+02:00",
        "2026-10-26T02:30:00+01:00",
    ]
    assert few(Cron("*/30 * * * *", "Europe/Rome"), at("2026-10-25T02:00"), 4) == [
        "2026-10-25T02:30:00+02:00",
        "2026-10-25T02:00:00+01:00",
        "2026-10-25T02:30:00+01:00",
        "2026-10-25T03:00:00+01:00",
    ]


def test_within_the_hour_that_comes_twice_nothing_past_is_due_again() -> None:
    second = at("2026-10-25T02:00") + 3_600 + 600  # 02:10, for the second time
    assert few(Cron("30 2 * * *", "Europe/Rome"), second, 1) == ["2026-10-26T02:30:00+01:00"]


def test_a_day_that_a_zone_left_out_is_made_up_for_in_its_first_minute_after() -> None:
    rule = Cron("0 12 * * *", "Pacific/Apia")
    assert few(rule, at("2011-12-29T00:00", "Pacific/Apia"), 3, "Pacific/Apia") == [
        "2011-12-29T12:00:00-10:00",
        "2011-12-31T00:00:00+14:00",
        "2011-12-31T12:00:00+14:00",
    ]


@pytest.mark.parametrize(
    ("expression", "days"),
    [
        ("0 0 L * *", ["2026-01-31", "2026-02-28", "2026-03-31"]),
        ("0 0 * * MON#2", ["2026-01-12", "2026-02-09", "2026-03-09"]),
        (
            "0 0 1,15 * FRI",
            ["2026-01-02", "2026-01-09", "2026-01-15"],
        ),  # a day of the month or a weekday, as cron has it
        ("0 0 29 FEB *", ["2028-02-29", "2032-02-29", "2036-02-29"]),
        ("@monthly", ["2026-02-01", "2026-03-01", "2026-04-01"]),
    ],
)
def test_days_are_those_that_cron_means(expression: str, days: list[str]) -> None:
    assert [day[:10] for day in few(Cron(expression), at("2026-01-01T00:00", "UTC"), 3, "UTC")] == days


def test_an_expression_that_names_no_day_is_never_due() -> None:
    assert following(Cron("0 0 30 2 MON"), 0.0) is not None  # or: any Monday of February
    with pytest.raises(SettingsError, match="day-of-month means nothing"):
        following(Cron("0 0 31 2,4 *"), 0.0)


@pytest.mark.parametrize(
    ("expression", "said"),
    [
        ("0 0 * *", "has 4 fields of five"),
        ("0 0 0 * * *", "has 6 fields of five"),
        ("60 0 * * *", "its minute means nothing"),
        ("0 0 * * MOON", "its day-of-week means nothing"),
        ("@often", "has 1 fields of five"),
        ("", "has 0 fields of five"),
    ],
)
def test_what_is_no_expression_is_refused_with_what_is_one(expression: str, said: str) -> None:
    with pytest.raises(SettingsError, match=f"{said}.*30 2"):
        following(Cron(expression), 0.0)


def test_a_zone_that_is_not_there_is_refused_with_the_nearest() -> None:
    with pytest.raises(SettingsError, match="no time zone 'Europe/Roma'; did you mean 'Europe/Rome'"):
        following(Cron("0 0 * * *", "Europe/Roma"), 0.0)


def test_intervals_are_counted_from_their_start_whoever_looks() -> None:
    rule = Every(0.1, 1_000.0)
    assert list(between(rule, 1_000.0, 1_000.4)) == [1_000.0, 1_000.1, 1_000.2, 1_000.3, 1_000.4]
    assert following(rule, 999.0) == 1_000.0
    moment, seen = 1_000.0, []
    for _ in range(100_000):
        moment = following(rule, moment) or 0.0
        seen.append(moment)
    assert seen[-1] == 11_000.0
    assert len(set(seen)) == 100_000


def test_what_is_past_is_counted_without_being_listed() -> None:
    total, newest = past(Every(0.1, 0.0), 0.0, 1e9, 2)
    assert (total, list(newest)) == (10_000_000_001, [999_999_999.9, 1e9])
    assert past(Every(60.0, 0.0), 120.0, 100.0, 5).total == 0
    total, newest = past(Cron("0 * * * *"), 3_600.0, 36_000.0, 3)
    assert (total, list(newest)) == (10, [28_800.0, 32_400.0, 36_000.0])


def test_a_moment_comes_once() -> None:
    assert following(Once(50.0), 49.9) == 50.0
    assert following(Once(50.0), 50.0) is None
