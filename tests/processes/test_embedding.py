"""Workflows of other styles inside processes."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

import penstock
from penstock import Workflow, task
from penstock.errors import DefinitionError, InputError, ProcessExecutionError
from penstock.model.program import Program
from penstock.processes import InputParameter, OrchestratedProcess, OutputParameter, WorkflowProcess
from penstock.testing import Example, ProgramSuite


@task
def double(number: int) -> int:
    if number < 0:
        raise ValueError("below zero")
    return 2 * number


@task
def add(double: int, more: int = 1) -> int:
    return double + more


flow = Workflow("sums")
flow.add_task(double)
flow.add_task(add, depends_on=["double"])


class Around(OrchestratedProcess):
    def define_parameters(self) -> None:
        self.input.add(InputParameter("number", int))
        self.output.add(OutputParameter("sum", int))

    def define_orchestration(self) -> None:
        first, second = WorkflowProcess(flow), WorkflowProcess(flow, "again")
        self.add_child(first)
        self.add_child(second)
        self._connect_param(self.input["number"], first.input["number"])
        self._connect_param(first.output["result"], second.input["number"])
        self._connect_param(second.output["result"], self.output["sum"])


def test_its_inputs_are_those_of_the_workflow() -> None:
    process = WorkflowProcess(flow)
    assert (process.name, list(process.input), list(process.output)) == (
        "sums",
        ["number", "more"],
        ["result"],
    )
    assert (process.input["number"].param_type, process.input["more"].required) == (int, False)


def test_it_can_be_executed_alone() -> None:
    process = WorkflowProcess(flow)
    process.input["number"].value = 4
    assert asyncio.run(process.execute()) is True
    assert process.output["result"].value == 9


def test_its_steps_are_steps_of_the_run(tmp_path: Path) -> None:
    with penstock.open(tmp_path / "runs.db") as engine:
        assert Around().using(store=engine).run(number=1) == {"sum": 7}
        assert list(engine.get("latest").steps) == ["sums/double", "sums/add", "again/double", "again/add"]


def test_what_fails_in_it_fails_the_process() -> None:
    process = Around()
    process.input["number"].value = -1
    with pytest.raises(ProcessExecutionError, match="'sums' in 'Around' failed") as raised:
        asyncio.run(process.execute())
    assert isinstance(raised.value.__cause__, ValueError)
    assert [child.status for child, _ in process.children] == ["failed", "pending"]


def test_a_missing_input_is_named() -> None:
    with pytest.raises(InputError, match="sums needs 'number'"):
        asyncio.run(WorkflowProcess(flow).execute())


@pytest.mark.parametrize("what", [3, Workflow, None])
def test_only_definitions_can_be_processes(what: Any) -> None:
    with pytest.raises(DefinitionError, match="takes a workflow"):
        WorkflowProcess(what)


class TestItsProgram(ProgramSuite):
    seeds = 10

    def examples(self) -> dict[str, Example]:
        program: Program = Around().as_program()
        return {"workflows in a process": Example(program, {"number": 1}, value={"sum": 7})}
