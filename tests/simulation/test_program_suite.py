"""The suite of front doors, inherited by the task graph and by the small programs of the simulation."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from penstock.model.policies import Policy, RetryPolicy
from penstock.tasks.node import Node
from penstock.tasks.program import GraphProgram
from penstock.testing.program_suite import Example, ProgramSuite
from penstock.testing.simulation.programs.coroutines import Flow, FunctionProgram
from penstock.testing.simulation.programs.groups import GroupsProgram
from penstock.testing.simulation.programs.messages import MessagesProgram


def one() -> int:
    return 1


def add(one: int, by: int = 1) -> int:
    return one + by


def fails(one: int) -> int:
    raise ValueError("no")


async def double(add: int) -> int:
    return 2 * add


def chain() -> GraphProgram:
    nodes = [
        Node("one", one),
        Node("add", add, ("one",), (("one", ("task", "one")),)),
        Node("double", double, ("add",), (("add", ("task", "add")),)),
    ]
    return GraphProgram("chain", nodes)


def broken() -> GraphProgram:
    policy = Policy(RetryPolicy(2, delay=0.1))
    return GraphProgram(
        "broken",
        [Node("one", one), Node("fails", fails, ("one",), (("one", ("task", "one")),), policy=policy)],
    )


async def waits(flow: Flow, start: int) -> int:
    first = await flow.step(add, start)
    await flow.sleep(2.0)
    return first + int(await flow.wait("go"))


class TestGraphs(ProgramSuite):
    def examples(self) -> Mapping[str, Example]:
        return {"chain": Example(chain(), {}, value=4), "broken": Example(broken(), {}, failed_step="fails")}


class TestSmallPrograms(ProgramSuite):
    seeds = 20

    def examples(self) -> Mapping[str, Example]:
        return {
            "function": Example(FunctionProgram("waits", waits), 1, signals=[("go", 40)], value=42),
            "groups": Example(GroupsProgram([("a", True, 3), ("b", False, 3)], {}), 3),
            "messages": Example(MessagesProgram(3, 12, {}), [[0, 3, 5]]),
        }


class Unsteady(ProgramSuite):
    def examples(self) -> Mapping[str, Example]:
        return {"chain": Example(chain(), {}, value=5)}


def test_an_example_that_ends_otherwise_is_told_so() -> None:
    with pytest.raises(AssertionError, match="ended with 4, not with 5"):
        Unsteady().test_examples_end_as_they_say_when_nothing_goes_wrong()
