"""What somebody asks of a schedule, checked and put into its form. What means nothing raises SettingsError, with the remedy."""

from __future__ import annotations

import math
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from inspect import Parameter as Signature
from typing import Any, get_args

from penstock.app.scheduling.cron import timetable
from penstock.app.scheduling.rules import LEAST_SECONDS, Cron, Every, Once, Rule, named, zone_of
from penstock.app.scheduling.schedule import MOST_AT_ONCE, CatchUp, Overlap, Schedule
from penstock.app.scheduling.zones import first_moment, zone_named
from penstock.errors import SettingsError
from penstock.model.parameters import bind_inputs
from penstock.model.texts import is_writable
from penstock.model.wording import listed, shown

When = datetime | str
"""A moment: a datetime, or text in ISO 8601; without an offset it is a wall time in the schedule's zone."""

LONGEST_SECONDS = 366 * 86_400.0


def check_name(name: Any) -> str:
    """The name of a schedule."""
    if isinstance(name, str) and name and is_writable(name) and not any(each.isspace() for each in name):
        return name
    raise SettingsError(
        f"a schedule's name {shown(name)} must be some text without blanks, such as 'nightly'"
    )


def rule_of(
    now: float,
    cron: str | None,
    every: float | timedelta | None,
    at: When | None,
    zone: str,
    start: When | None,
) -> Rule:
    """The rule that exactly one of `cron`, `every` and `at` says."""
    zone_named(zone)
    if sum(each is not None for each in (cron, every, at)) != 1:
        raise SettingsError(
            "a schedule needs one of cron='30 2 * * *', every=3600 (seconds) and at='2026-03-29T02:30'"
        )
    if cron is not None:
        timetable(cron, zone)
        return Cron(" ".join(cron.split()), zone)
    if at is not None:
        return Once(moment_of(at, zone, "at"))
    return Every(
        _seconds(every, "every"), round(now, 3) if start is None else moment_of(start, zone, "start")
    )


def moment_of(when: Any, zone: str, what: str) -> float:
    """The moment that a datetime or a text names."""
    # no date, or one that is beyond what clocks can say, is refused below
    with suppress(ValueError, OverflowError):
        at = datetime.fromisoformat(when) if isinstance(when, str) else when
        if isinstance(at, datetime):
            if at.tzinfo is not None:
                return round(at.timestamp(), 3)
            whole = at.replace(microsecond=0)
            return round(first_moment(whole, zone_named(zone)) + at.microsecond / 1e6, 3)
    raise SettingsError(
        f"{what}={shown(when)} must be a moment, such as '2026-03-29T02:30' or '2026-03-29T00:30+00:00'"
    )


def check_policies(schedule: Schedule) -> Schedule:
    """The schedule, if its policies are some and go together."""
    for name, known in (("catch_up", get_args(CatchUp)), ("overlap", get_args(Overlap))):
        if getattr(schedule, name) not in known:
            raise SettingsError(f"{name}={shown(getattr(schedule, name))} is none; there are {listed(known)}")
    if schedule.catch_up == "all" and schedule.overlap != "allow":
        raise SettingsError(
            f"catch_up='all' starts several runs at once, and overlap={schedule.overlap!r} leaves one: say overlap='allow'"
        )
    at_most: Any = schedule.at_most
    if not isinstance(at_most, int) or isinstance(at_most, bool) or not 0 < at_most <= MOST_AT_ONCE:
        raise SettingsError(f"at_most={shown(at_most)} must be a whole number from 1 to {MOST_AT_ONCE:,}")
    if not _is_number(schedule.jitter) or not 0 <= schedule.jitter <= LONGEST_SECONDS:
        raise SettingsError(f"jitter={shown(schedule.jitter)} must be a number of seconds, 0 or more")
    return schedule


def inputs_for(definition: Any, given: Mapping[str, Any], moment_input: str | None) -> dict[str, Any]:
    """The inputs of a schedule's runs but for the moment. Raises InputError for what the workflow does not take."""
    name = definition.as_program().name
    asked = getattr(definition, "inputs", None)
    if not isinstance(asked, Mapping):
        return dict(given)
    if moment_input is None:
        return bind_inputs(name, asked, given)
    if moment_input in given:
        raise SettingsError(f"input {moment_input!r} is given the moment: give it no value besides")
    parameter = asked.get(moment_input)
    if parameter is not None and not (takes_text(parameter) or _takes_datetime(parameter)):
        raise SettingsError(
            f"input {moment_input!r} of workflow {name!r} cannot be given the moment: annotate it datetime, or str"
        )
    text = parameter is not None and takes_text(parameter)
    bound = bind_inputs(name, asked, {**given, moment_input: moment_value(0.0, "UTC", as_text=text)})
    return {key: value for key, value in bound.items() if key != moment_input}


def takes_text(parameter: Any) -> bool:
    """Whether an input is given the moment as text."""
    return not _takes_datetime(parameter) and _annotation(parameter) in (str, Signature.empty, Any, None)


def moment_value(moment: float, zone: str, *, as_text: bool) -> datetime | str:
    """A moment as a run's input."""
    text = named(moment, zone)
    return text if as_text else datetime.fromisoformat(text)


def value_for(schedule: Schedule, moment: float) -> datetime | str:
    """A moment as the input of a schedule's run."""
    return moment_value(moment, zone_of(schedule.rule), as_text=schedule.moment_as_text)


def _takes_datetime(parameter: Any) -> bool:
    found = _annotation(parameter)
    return found is datetime or datetime in get_args(found)


def _annotation(parameter: Any) -> Any:
    return getattr(parameter, "annotation", None)


def _seconds(value: Any, what: str) -> float:
    seconds = value.total_seconds() if isinstance(value, timedelta) else value
    if not _is_number(seconds) or not LEAST_SECONDS <= seconds <= LONGEST_SECONDS:
        raise SettingsError(
            f"{what}={shown(value)} must be a number of seconds, from {LEAST_SECONDS} to a year"
        )
    return round(float(seconds), 3)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
