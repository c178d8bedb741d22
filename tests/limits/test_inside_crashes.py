"""Runs and workflows inside them under limits, with crashes, takeovers and stopped engines: each comes to its end."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from penstock import Workflow, task
from penstock.engine.doors import Doors
from penstock.engine.places import Places
from penstock.functions import gather, step, workflow
from penstock.model.limits import Limit
from penstock.testing import Example, ProgramSuite
from penstock.testing.simulation import simulate

PROGRAM = "penstock.testing.simulation.programs.limited:draw_limited"


@task(retries=2)
def double(n: int) -> int:
    return 2 * n


@task(limit=Limit("steps", at_most=1))
def add(double: int) -> int:
    return double + 1


inner = Workflow("inner", limit=Limit("inner", at_most=1))
inner.add_task(double)
inner.add_task(add, depends_on=["double"])

middle = Workflow("middle", limit=Limit("middle", at_most=2))
middle.add_workflow(inner)
middle.add_signal("word", type=str)

outer = Workflow("outer", limit=Limit("outer", at_most=1))
for name in ("one", "two", "three"):
    outer.add_workflow(middle, name=name)


@workflow
async def several(n: int) -> Any:
    return await gather(*[step(inner)(n=k) for k in range(n)])


class TestUnderLimits(ProgramSuite):
    seeds = 20

    def examples(self) -> dict[str, Example]:
        ends = {"inner": 7, "word": "go"}
        return {
            "one inside another": Example(
                outer.as_program(),
                {"n": 3},
                signals=[("word", "go")] * 3,
                value={"one": ends, "two": ends, "three": ends},
            ),
            "side by side in a function": Example(several.as_program(), {"n": 4}, value=[1, 3, 5, 7]),
        }


def a_door_stands_open(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Doors, "count", lambda self: False)


def what_is_over_keeps_its_slot(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Places, "_close", lambda self, door: None)


def steps_behind_a_door_are_forgotten(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Places, "_open", lambda self, door: self._count_doors(door.step.run))


@pytest.mark.parametrize(
    "bug",
    [
        a_door_stands_open,
        what_is_over_keeps_its_slot,
        steps_behind_a_door_are_forgotten,
    ],
)
def test_a_bug_put_in_on_purpose_is_found(
    bug: Callable[[pytest.MonkeyPatch], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    bug(monkeypatch)
    found = simulate([PROGRAM], range(300), stop_at=1)
    assert found.found
