"""Building and checking a workflow takes work in proportion to its size. Counted are calls and lookups, not seconds."""

from __future__ import annotations

import cProfile
import pstats
from collections.abc import Callable
from typing import Any

import pytest

from penstock import Workflow, task
from penstock.errors import DefinitionError

SMALL, LARGE = 400, 4_000
MOST = 1.05 * LARGE / SMALL
COMPARED = 0


class Name(str):
    """A name that counts how often it is compared, in Python and in C."""

    __slots__ = ()
    __hash__ = str.__hash__

    def __eq__(self, other: object) -> bool:
        global COMPARED
        COMPARED += 1
        return str.__eq__(self, other)


def nothing() -> None:
    pass


def everything(**results: Any) -> int:
    return len(results)


def a_chain(size: int) -> Workflow:
    flow = Workflow("chain")
    for n in range(size):
        flow.add_task(nothing, name=Name(f"t{n}"), depends_on=[Name(f"t{n - 1}")] if n else [])
    return flow


def many_into_one(size: int) -> Workflow:
    flow = Workflow("fan-in")
    for n in range(size):
        flow.add_task(nothing, name=Name(f"t{n}"))
    flow.add_task(everything, depends_on=[Name(f"t{n}") for n in range(size)])
    return flow


def arrows_into_one(size: int) -> Workflow:
    with Workflow("arrows") as flow:
        [task(name=Name(f"t{n}"))(nothing) for n in range(size)] >> task(everything)
    return flow


def layers_of_ten(size: int) -> Workflow:
    flow = Workflow("layers")
    for n in range(size):
        before = range(n // 10 * 10 - 10, n // 10 * 10) if n >= 10 else []
        flow.add_task(nothing, name=Name(f"t{n}"), depends_on=[Name(f"t{each}") for each in before])
    return flow


def conditions_and_values(size: int) -> Workflow:
    flow = Workflow("conditions")
    for n in range(size):
        flow.add_task(everything, name=Name(f"t{n}"), values={"n": n}, when=lambda on=True: on)
    return flow


def work(build: Callable[[int], Workflow], size: int) -> tuple[int, int]:
    """Calls and comparisons of names that it takes to build, check and lay out a workflow."""
    global COMPARED
    COMPARED = 0
    profile = cProfile.Profile()
    profile.enable()
    try:
        flow = build(size)
        flow.check()
        flow.get_execution_plan()
    finally:
        profile.disable()
    return pstats.Stats(profile).total_calls, COMPARED  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "build", [a_chain, many_into_one, arrows_into_one, layers_of_ten, conditions_and_values]
)
def test_ten_times_the_tasks_take_ten_times_the_work(build: Callable[[int], Workflow]) -> None:
    work(build, 10)  # what happens once a process
    (few_calls, few_compared), (many_calls, many_compared) = work(build, SMALL), work(build, LARGE)
    assert many_calls <= MOST * few_calls
    assert many_compared <= MOST * few_compared + LARGE


def test_a_circle_of_ten_thousand_is_told_in_a_line() -> None:
    flow = Workflow("round")
    for n in range(10_000):
        flow.add_task(nothing, name=f"t{n}", depends_on=[f"t{(n + 1) % 10_000}"])
    with pytest.raises(DefinitionError, match="runs in a circle") as caught:
        flow.check()
    assert len(str(caught.value)) < 500
