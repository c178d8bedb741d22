"""What a fork of a case must reuse, worked out from the case alone: all that was done, up to what is to run again."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from penstock.testing.simulation.case import Case
from penstock.testing.simulation.programs.functions import FunctionCase
from penstock.testing.simulation.programs.graphs import GraphCase
from penstock.testing.simulation.programs.groups import GroupsCase, children_of
from penstock.testing.simulation.programs.messages import MessagesCase
from penstock.testing.simulation.programs.specs import Spec
from penstock.testing.simulation.programs.work import combine, number_of


class Wanted(NamedTuple):
    """What was done and skipped in the run that is forked, what is to run again (None: all), and what the fork did reuse."""

    done: frozenset[str]
    again: frozenset[str] | None
    skipped: frozenset[str]
    reused: frozenset[str]


def reused_by(case: Case, wanted: Wanted) -> Iterator[str]:
    """What is wrong with what it reuses, a sentence each."""
    again = wanted.again
    if again is None:
        if wanted.reused:
            yield f"it reuses {sorted(wanted.reused)}"
        return
    if wanted.reused & again:
        yield f"it reuses {sorted(wanted.reused & again)}, which is to run again"
    match case:
        case GraphCase():
            yield from _of_graph(case, wanted, again)
        case GroupsCase():
            yield from _differ(wanted.reused, _of_groups(case, wanted.done, again))
        case MessagesCase():
            yield from _differ(wanted.reused, _of_messages(wanted.done, again))
        case FunctionCase():
            late = {step for step in wanted.reused if _number(step) > min(map(_number, again), default=10**9)}
            if late:
                yield f"it reuses {sorted(late)}, which came later"


def _differ(reused: Iterable[str], expected: Iterable[str]) -> Iterator[str]:
    there, wanted = sorted(reused), sorted(expected)
    if there != wanted:
        yield f"it reuses {there}, not {wanted}"


def _of_messages(done: frozenset[str], again: frozenset[str]) -> Iterator[str]:
    """One delivery after another, until one is missing or is to run again."""
    number = 1
    while (step := f"n{number}") in done and step not in again:
        yield step
        number += 1


def _of_groups(case: GroupsCase, done: frozenset[str], again: frozenset[str]) -> Iterator[str]:
    """Group after group, until one is not whole."""
    value: Any = case.input
    for name, parallel, size in case.groups:
        given = number_of(value)
        children = children_of(name, size, given)
        steps = [f"{name}/{child}" for child in children]
        first = next((place for place, step in enumerate(steps) if step in again), len(steps))
        if not parallel:
            first = next((place for place, step in enumerate(steps) if step not in done), first)
            first = min(first, next((place for place, step in enumerate(steps) if step in again), first))
        kept = [step for step in steps[:first] if step in done]
        yield from kept
        if kept != steps:
            return
        value = [combine(len(child), given=given, name=child) for child in children]


def _of_graph(case: GraphCase, wanted: Wanted, again: frozenset[str]) -> Iterator[str]:
    """Every task that was done, of which all upstream is settled without running again.

    Of maps and inner workflows it is not said when they are done; what depends on them is held only against what is downstream.
    """
    touched = {step.partition("/")[0] for step in again}
    stale: set[str] = set()
    settled: set[str] = set()
    unsaid: set[str] = set()
    expected: set[str] = set()
    for spec in case.specs:
        if spec.name in again or touched.union(stale).intersection(spec.needs):
            stale.add(spec.name)
        elif _is_unsaid(spec) or unsaid.intersection(spec.needs):
            unsaid.add(spec.name)
        elif settled.issuperset(spec.needs):
            if spec.name in wanted.done:
                expected.add(spec.name)
            if spec.name in wanted.done | wanted.skipped:
                settled.add(spec.name)
    downstream = {step for step in wanted.reused if step.partition("/")[0] in stale}
    if downstream:
        yield f"it reuses {sorted(downstream)}, which depends on what is to run again"
    said = {step for step in wanted.reused if "/" not in step and step not in unsaid}
    yield from _differ(said, expected)


def _is_unsaid(spec: Spec) -> bool:
    return spec.over is not None or spec.inner is not None


def _number(step: str) -> int:
    """The number of a function's call, in the order in which they are asked for."""
    digits = step.lstrip("abcdefghijklmnopqrstuvwxyz")
    return int(digits) if digits.isdecimal() else 0
