"""Schedules by chance: groups that are given the moment, made every few seconds or once."""

from __future__ import annotations

from collections.abc import Mapping
from random import Random
from typing import Any, NamedTuple

from penstock.app.scheduling.firing import run_of
from penstock.app.scheduling.rules import Every, Once, between, named
from penstock.app.scheduling.schedule import Schedule
from penstock.testing.simulation.case import Case
from penstock.testing.simulation.programs.children import never_mended
from penstock.testing.simulation.programs.groups import GroupsCase, GroupsProgram, draw_groups


class ScheduledCase(GroupsCase):
    """See Case. One moment's run, which is given the moment."""

    style = "scheduled"

    def __init__(self, groups: GroupsCase, program: GroupsProgram, moment: float) -> None:
        super().__init__(groups.groups, groups.policies, groups.fates)
        self.program = program
        self.input: Any = {"moment": named(moment)}


class Planned(NamedTuple):
    """A schedule to be made: its program, what is said of it, its moments and the runs that may be made of them."""

    name: str
    program: GroupsProgram
    how: Mapping[str, Any]
    moments: Mapping[str, float]
    cases: Mapping[str, Case]


def draw_schedule(chance: Random, name: str, now: float) -> Planned:
    """One that is due for the first time within a few seconds, and a dozen times at most."""
    rule, first, until = _draw_rule(chance, now)
    groups = draw_groups(chance)
    never_mended(groups)
    program = GroupsProgram(groups.groups, groups.policies)
    program.name = "scheduled"
    catch_up = _pick(chance, ("none", "latest", "all", "all"))
    how = {
        **_said(rule),
        **({} if isinstance(rule, Once) else {"start": named(first), "until": named(until)}),
        "catch_up": catch_up,
        "overlap": "allow" if catch_up == "all" else _pick(chance, ("allow", "skip", "cancel")),
        "at_most": _pick(chance, (1, 3, 100)),
        "jitter": _pick(chance, (0.0, 0.0, round(chance.random() * 3, 3))),
        "moment_input": "moment",
    }
    plan = Schedule(name=name, workflow=program.name, rule=rule)
    moments = {run_of(plan, moment): moment for moment in between(rule, first, until)}
    cases = {run: ScheduledCase(groups, program, moment) for run, moment in moments.items()}
    return Planned(name, program, how, moments, cases)


def _draw_rule(chance: Random, now: float) -> tuple[Every | Once, float, float]:
    """The rule, and from when until when it is due."""
    first = round(now + 1.0 + chance.random() * 6, 3)
    if chance.random() < 0.12:
        return Once(first), first, first
    every = Every(round(0.5 + chance.random() * 4, 3), first)
    return every, first, round(first + every.seconds * int(chance.random() * 12), 3)


def _said(rule: Every | Once) -> dict[str, Any]:
    """How a rule is asked for."""
    match rule:
        case Once(at):
            return {"at": named(at)}
        case Every(seconds):
            return {"every": seconds}


def _pick(chance: Random, choices: tuple[Any, ...]) -> Any:
    return choices[int(chance.random() * len(choices))]
