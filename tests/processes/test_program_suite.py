"""Programs of processes, played against crashes at every point: nested groups, children by number, a failing child, hooks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from penstock.processes import InputParameter, OrchestratedProcess, OutputParameter
from penstock.testing import Example, ProgramSuite
from tests.processes.shop import PARALLEL, Add, Broken, Chain, Fan, Sum


class Hooked(OrchestratedProcess):
    """Has every hook, and children by number."""

    def define_parameters(self) -> None:
        self.input.add(InputParameter("count", int))
        self.output.add(OutputParameter("total", int))
        self.output.add(OutputParameter("shown", str))

    async def on_before_execute(self) -> None:
        self.input["count"].value += 1

    def define_orchestration(self) -> None:
        for number in range(self.input["count"].value):
            child = Sum(f"sum-{number}")
            child.input["numbers"].value = [number, 1]
            self.add_child(child, PARALLEL)

    async def after_children_executed(self) -> None:
        self.output["total"].value = sum(child.output["sum"].value for child, _ in self.children)

    async def on_after_execute(self) -> None:
        self.output["shown"].value = f"total {self.output['total'].value}"


class TestProcesses(ProgramSuite):
    seeds = 12

    def examples(self) -> Mapping[str, Example]:
        numbers: dict[str, Any] = {"numbers": [1, 2]}
        return {
            "atomic": Example(Add().as_program(), {"x": 1}, value={"y": 2}),
            "chain": Example(Chain().as_program(), {**numbers, "times": 3}, value={"y": 6}),
            "nested groups": Example(Fan().as_program(), numbers, value={"y": 13}),
            "hooks": Example(Hooked().as_program(), {"count": 2}, value={"total": 6, "shown": "total 6"}),
            "failing child": Example(Broken().as_program(), numbers, failed_step="fails"),
        }
