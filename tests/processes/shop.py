"""Small processes that tests put together."""

from __future__ import annotations

import asyncio
from typing import Any

from penstock.processes import (
    AtomarProcess,
    InputParameter,
    OrchestratedProcess,
    OutputParameter,
    ProcessExecutionFlags,
)

PARALLEL = ProcessExecutionFlags.PARALLEL


class Sum(AtomarProcess):
    """Adds numbers up."""

    def __init__(self, name: str = "Sum") -> None:
        super().__init__(name)
        self.input.add(InputParameter("numbers", list, description="what to add up"))
        self.output.add(OutputParameter("sum", int))

    async def execute_impl(self) -> None:
        self.output["sum"].value = sum(self.input["numbers"].value)


class Add(AtomarProcess):
    """Adds one number to another."""

    def __init__(self, name: str = "Add") -> None:
        super().__init__(name)
        self.input.add(InputParameter("x", int))
        self.input.add(InputParameter("by", int, default=1))
        self.output.add(OutputParameter("y", int))

    async def execute_impl(self) -> None:
        self.output["y"].value = self.input["x"].value + self.input["by"].value


class Fails(AtomarProcess):
    """Fails."""

    async def execute_impl(self) -> None:
        raise LookupError(f"{self.name} found nothing")


class Sleeps(AtomarProcess):
    """Sleeps until it is stopped."""

    async def execute_impl(self) -> None:
        await asyncio.sleep(60)


class Chain(OrchestratedProcess):
    """Sums numbers and adds one to the sum as often as it is told."""

    def define_parameters(self) -> None:
        self.input.add(InputParameter("numbers", list))
        self.input.add(InputParameter("times", int, default=2))
        self.output.add(OutputParameter("y", int))

    def define_orchestration(self) -> None:
        first: Any = self.add_child(Sum())
        self._connect_param(self.input["numbers"], first.input["numbers"])
        last = first.output["sum"]
        for _ in range(self.input["times"].value):
            add = self.add_child(Add())
            self._connect_param(last, add.input["x"])
            last = add.output["y"]
        self._connect_param(last, self.output["y"])


class Fan(OrchestratedProcess):
    """A chain, then adding one and adding two to what came of it together, then the sum of both."""

    def define_parameters(self) -> None:
        self.input.add(InputParameter("numbers", list))
        self.output.add(OutputParameter("y", int))

    def define_orchestration(self) -> None:
        chain, one, two, last = Chain("chain"), Add("one"), Add("two"), Add("last")
        two.input["by"].value = 2
        self._connect_param(self.input["numbers"], chain.input["numbers"])
        self._connect_param(chain.output["y"], one.input["x"])
        self._connect_param(chain.output["y"], two.input["x"])
        self._connect_param(one.output["y"], last.input["x"])
        self._connect_param(two.output["y"], last.input["by"])
        self._connect_param(last.output["y"], self.output["y"])
        self.add_child(chain)
        self.add_child(one, PARALLEL)
        self.add_child(two, PARALLEL)
        self.add_child(last)


class Broken(OrchestratedProcess):
    """A fan, and two that run together, one of which fails."""

    def define_parameters(self) -> None:
        self.input.add(InputParameter("numbers", list))

    def define_orchestration(self) -> None:
        fan = Fan("fan")
        self.add_child(fan)
        self.add_child(Fails("fails"), PARALLEL)
        self.add_child(Add("beside"), PARALLEL)
        self._connect_param(self.input["numbers"], fan.input["numbers"])
        self._connect_param(fan.output["y"], self.get_child("beside").input["x"])
