"""Workflows of several styles that take a moment."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from penstock import Workflow, task
from penstock.functions import step, workflow
from penstock.processes import AtomarProcess, InputParameter, OutputParameter

SECRET = "sword-fish-9"


@task
def stamp(day: datetime) -> str:
    return f"{day:%d %B}"


@workflow
async def function(day: datetime, kind: str = "short") -> str:
    return f"{kind} {await step(stamp)(day)}"


class Login(AtomarProcess):
    def define_parameters(self) -> None:
        self.input.add(InputParameter("password", str, sensitive=True))
        self.input.add(InputParameter("day", datetime))
        self.output.add(OutputParameter("length", int))
        self.output.add(OutputParameter("day", str))

    async def execute_impl(self) -> Any:
        self.output["length"].value = len(self.input["password"].value)
        self.output["day"].value = f"{self.input['day'].value:%d %B}"


login = Login()
graph = Workflow("graph")
graph.add_task(stamp)
sleepy = Workflow("sleepy")
sleepy.add_sleep("nap", seconds=3_600)
