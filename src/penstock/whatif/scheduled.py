"""Runs that come as a schedule of the store will make them: its moments from the next one on, with its inputs and policies."""

from __future__ import annotations

from typing import NamedTuple

from penstock.app import Engine
from penstock.app.scheduling import Schedule, Schedules
from penstock.app.scheduling.asking import value_for
from penstock.app.scheduling.rules import between
from penstock.app.scheduling.schedule import due_of
from penstock.errors import SettingsError
from penstock.whatif.arrivals import Arrival


class Scheduled(NamedTuple):
    """The runs that the schedule of this name makes within so many seconds from its next moment on."""

    name: str
    seconds: float


class Coming(NamedTuple):
    """What a schedule brings: from when on, and the runs."""

    begins: float
    arrivals: list[Arrival]


def coming_from(engine: Engine, said: Scheduled) -> Coming:
    """What that schedule brings. Raises RunNotFound if there is none, and SettingsError if nothing comes of it."""
    schedule = Schedules(engine).get(said.name)
    begins = schedule.next
    if begins is None:
        raise SettingsError(f"schedule {said.name!r} has no moments any more")
    until = begins + said.seconds
    if schedule.until is not None:
        until = min(until, schedule.until)
    arrivals = [
        _arrival(engine, schedule, moment, begins) for moment in between(schedule.rule, begins, until)
    ]
    if not arrivals:
        raise SettingsError(
            f"schedule {said.name!r} has no moment within {said.seconds:g} s: say a longer time"
        )
    return Coming(begins, arrivals)


def _arrival(engine: Engine, schedule: Schedule, moment: float, begins: float) -> Arrival:
    inputs = engine.codec.decode(schedule.inputs)
    if schedule.moment_input is not None:
        inputs[schedule.moment_input] = value_for(schedule, moment)
    at = due_of(schedule, moment) - begins
    return Arrival(at, inputs, schedule.priority, schedule.timeout, schedule.overlap)
