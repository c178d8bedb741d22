"""What does it cost to build and check a workflow of 10,000 tasks, a task, and how much more than one of 1,000?"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks.measuring.bare import seconds_a_task
from benchmarks.measuring.figures import Budget, Figure, figure
from benchmarks.measuring.rounds import Scale, in_turn
from benchmarks.measuring.work import expect
from penstock import Workflow

TASKS, FEW = 10_000, 1_000

BUILDING = Budget("building", "a chain of 10,000 tasks built and checked, per task", "A", must=10.0, aim=5.0)
GROWTH = Budget("building_growth", "a task among 10,000 beside one among 1,000", "x", must=1.5, aim=1.2)
BUDGETS = (BUILDING, GROWTH)


def measure(scale: Scale, folder: Path) -> Iterator[Figure]:
    many, few = scale.of(TASKS), scale.of(FEW)
    found = in_turn(scale, seconds_a_task, lambda: seconds_a_task_built(many))
    yield figure(BUILDING, found.ratio, found.quietest, rounds=found.number, note=found.note("A"))
    grown = in_turn(scale, lambda: seconds_a_task_built(few), lambda: seconds_a_task_built(many))
    yield figure(GROWTH, grown.ratio, grown.quietest, rounds=grown.number, note=grown.note("one of few"))


def seconds_a_task_built(tasks: int) -> float:
    begun = time.perf_counter()
    flow = Workflow("built")
    flow.add_task(nothing, name="t0")
    for number in range(1, tasks):
        flow.add_task(nothing, name=f"t{number}", depends_on=[f"t{number - 1}"])
    flow.check()
    spent = time.perf_counter() - begun
    expect(len(flow.tasks), tasks)
    return spent / tasks


def nothing() -> None:
    pass
