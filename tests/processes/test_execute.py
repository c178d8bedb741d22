"""Executing processes: what comes of it, how they fail, hooks, locking, groups, nesting."""

from __future__ import annotations

import asyncio
import threading
from typing import Any
from uuid import UUID

import pytest

from penstock.errors import CommandRefused, DefinitionError, ProcessExecutionError
from penstock.processes import (
    AtomarProcess,
    AtomicProcess,
    InputParameter,
    OrchestratedProcess,
    OutputParameter,
    Process,
    ProcessExecutionFlags,
    ProcessStatus,
)
from tests.processes.shop import PARALLEL, Add, Broken, Chain, Fails, Fan, Sleeps, Sum


def a_sum(*numbers: int) -> Sum:
    process = Sum()
    process.input["numbers"].value = list(numbers)
    return process


def test_flags_are_frozen_and_have_two_names() -> None:
    assert ProcessExecutionFlags() == ProcessExecutionFlags.SEQUENTIAL == ProcessExecutionFlags(False, True)
    assert ProcessExecutionFlags(parallel=True) == ProcessExecutionFlags.PARALLEL
    with pytest.raises(AttributeError):
        ProcessExecutionFlags().parallel = True  # type: ignore[misc]


async def test_an_atomic_process_gives_its_outputs_and_says_how_it_went() -> None:
    process = a_sum(1, 2, 3)
    assert (process.status, process.started_at, process.error) == ("pending", None, None)
    assert await process.execute() is True
    assert process.output["sum"].value == 6
    assert process.status == "completed" == ProcessStatus.COMPLETED
    assert process.started_at is not None
    assert process.completed_at is not None
    assert process.started_at <= process.completed_at
    assert process.started_at.tzinfo is not None
    assert process.execution_time_ms is not None
    assert process.to_dict()["output"] == {"sum": 6}
    assert AtomicProcess is AtomarProcess


def test_ids_are_uuids_as_text_and_differ() -> None:
    ids = [Sum().id for _ in range(1000)]
    assert len(set(ids)) == 1000
    assert [str(UUID(each)) for each in ids] == ids


async def test_a_missing_input_is_a_value_error_and_the_process_has_failed() -> None:
    process = Sum()
    with pytest.raises(ValueError, match="Sum needs 'numbers'"):
        await process.execute()
    assert process.status == "failed"
    assert "needs 'numbers'" in str(process.error)
    assert "validate_all" in str(process.error_stacktrace)


async def test_it_raises_its_own_exception() -> None:
    process = Fails()
    with pytest.raises(LookupError, match="Fails found nothing"):
        await process.execute()
    assert (process.status, process.error) == ("failed", "Fails found nothing")
    assert "execute_impl" in str(process.error_stacktrace)


async def test_outputs_are_locked_and_unlocked_by_the_next_execution_and_those_handed_out_keep_their_values() -> (
    None
):
    process = a_sum(1, 2)
    await process.execute()
    first = process.output
    with pytest.raises(RuntimeError, match="locked"):
        process.output["sum"].value = 4
    process.input["numbers"].value = [5]
    await process.execute()
    assert (process.output["sum"].value, first["sum"].value) == (5, 3)


async def test_a_failed_process_can_be_executed_again() -> None:
    process = Sum()
    with pytest.raises(ValueError, match="numbers"):
        await process.execute()
    process.input["numbers"].value = [1]
    await process.execute()
    assert (process.status, process.error, process.error_stacktrace) == ("completed", None, None)


async def test_the_hooks_come_in_order_and_inputs_are_locked_between_them() -> None:
    said: list[Any] = []

    class Says(Add):
        async def on_before_execute(self) -> None:
            said.append(("before", self.status, self.input["x"].locked))

        async def execute_impl(self) -> None:
            said.append(("impl", self.input["x"].locked))
            await super().execute_impl()

        async def on_after_execute(self) -> None:
            said.append(("after", self.output["y"].value, self.output["y"].locked))

    process = Says()
    process.input["x"].value = 1
    await process.execute()
    assert said == [("before", "running", False), ("impl", True), ("after", 2, False)]
    assert (process.input["x"].locked, process.output["y"].locked) == (False, True)


@pytest.mark.parametrize("hook", ["on_before_execute", "on_after_execute"])
@pytest.mark.parametrize("kind", [Sum, Chain])
async def test_an_exception_in_a_hook_fails_the_process(hook: str, kind: type[Process]) -> None:
    async def refuse(self: Any) -> None:
        raise PermissionError("no")

    process: Any = type("Refusing", (kind,), {hook: refuse})()
    process.input["numbers"].value = [1]
    with pytest.raises(PermissionError, match="no"):
        await process.execute()
    assert (process.status, process.error) == ("failed", "no")


async def test_an_output_that_is_required_must_be_given() -> None:
    class Forgets(AtomarProcess):
        def define_parameters(self) -> None:
            self.output.add(OutputParameter("x", int, required=True))

        async def execute_impl(self) -> None:
            return

    with pytest.raises(ValueError, match="Forgets did not give 'x'"):
        await Forgets().execute()


async def test_a_process_is_executed_once_at_one_time() -> None:
    process = Sleeps()
    first = asyncio.create_task(process.execute())
    await asyncio.sleep(0.01)
    with pytest.raises(CommandRefused, match="make another instance"):
        await process.execute()
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    assert process.status == "cancelled"


async def test_many_processes_execute_together() -> None:
    processes = [a_sum(n, n) for n in range(50)]
    await asyncio.gather(*(each.execute() for each in processes))
    assert [each.output["sum"].value for each in processes] == [2 * n for n in range(50)]


async def test_a_process_may_execute_another() -> None:
    class Asks(AtomarProcess):
        def define_parameters(self) -> None:
            self.output.add(OutputParameter("sum", int))

        async def execute_impl(self) -> None:
            inner = a_sum(1, 2)
            await inner.execute()
            self.output["sum"].value = inner.output["sum"].value

    process = Asks()
    await process.execute()
    assert process.output["sum"].value == 3


async def test_blocking_code_runs_in_a_thread() -> None:
    class Blocks(AtomarProcess):
        blocking = True

        def define_parameters(self) -> None:
            self.output.add(OutputParameter("thread", int))

        def execute_impl(self) -> None:  # type: ignore[override]
            self.output["thread"].value = threading.get_ident()

    process = Blocks()
    await process.execute()
    assert process.output["thread"].value != threading.get_ident()


async def test_groups_run_in_order_and_the_children_of_a_parallel_one_together() -> None:
    running: list[str] = []
    seen: dict[str, list[str]] = {}

    class Looks(AtomarProcess):
        async def execute_impl(self) -> None:
            running.append(self.name)
            await asyncio.sleep(0.01)
            seen[self.name] = list(running)
            running.remove(self.name)

    class Groups(OrchestratedProcess):
        def define_orchestration(self) -> None:
            for name, flags in zip("abcdef", [None, None, PARALLEL, PARALLEL, None, PARALLEL], strict=True):
                self.add_child(Looks(name), flags)

    process = Groups()
    await process.execute()
    assert seen == {"a": ["a"], "b": ["b"], "c": ["c", "d"], "d": ["d"], "e": ["e"], "f": ["f"]}


async def test_values_follow_links_through_nested_orchestrations() -> None:
    process = Fan()
    process.input["numbers"].value = [1, 2]
    await process.execute()
    assert process.output["y"].value == 6 + 7
    chain: Any = process.get_child("chain")
    assert [child.output.to_dict() for child, _ in chain.children] == [{"sum": 3}, {"y": 4}, {"y": 5}]
    assert {child.status for child, _ in process.children} == {"completed"}


async def test_an_orchestration_is_built_once_and_can_be_executed_again() -> None:
    process = Chain()
    process.input["numbers"].value = [1]
    await process.execute()
    children = list(process.children)
    process.input["numbers"].value = [10]
    await process.execute()
    assert process.output["y"].value == 12
    assert process.children == children


async def test_the_older_names_do_the_same() -> None:
    class Older(OrchestratedProcess):
        def define_parameters(self) -> None:
            self.output.add(OutputParameter("sum", int))

        def orchestrate(self) -> None:
            first = a_sum(4, 5)
            self.add_child(first)
            self._connect_param(first.output["sum"], self.output["sum"])

    process = Older()
    await process.execute()
    assert process.output["sum"].value == 9


async def test_a_failed_child_is_named_and_its_exception_is_the_cause() -> None:
    process = Broken()
    process.input["numbers"].value = [1]
    with pytest.raises(ProcessExecutionError, match="process 'fails' in 'Broken' failed") as raised:
        await process.execute()
    assert raised.value.process_name == "fails"
    assert isinstance(raised.value.__cause__, LookupError)
    assert process.status == "failed"
    assert "found nothing" in str(process.error)
    assert "execute_impl" in str(process.error_stacktrace)


async def test_the_siblings_of_a_failed_child_are_cancelled() -> None:
    class Together(OrchestratedProcess):
        def define_orchestration(self) -> None:
            self.add_child(Sleeps("sleeps"), PARALLEL)
            self.add_child(Outer("nested"), PARALLEL)
            self.add_child(FailsLater("fails"), PARALLEL)
            self.add_child(Sum("after"))

    class Outer(OrchestratedProcess):
        def define_orchestration(self) -> None:
            self.add_child(Sleeps("inner"))

    class FailsLater(Fails):
        async def execute_impl(self) -> None:
            await asyncio.sleep(0.01)
            await super().execute_impl()

    process = Together()
    with pytest.raises(ProcessExecutionError):
        await asyncio.wait_for(process.execute(), 10)
    statuses = {child.name: str(child.status) for child, _ in process.children}
    assert statuses == {"sleeps": "cancelled", "nested": "cancelled", "fails": "failed", "after": "pending"}
    nested: Any = process.get_child("nested")
    assert nested.get_child("inner").status == "cancelled"


async def test_a_link_of_the_wrong_type_names_both_ends() -> None:
    class Wrong(OrchestratedProcess):
        def define_orchestration(self) -> None:
            first, second = a_sum(1), Sum("second")
            self.add_child(first)
            self.add_child(second)
            self._connect_param(first.output["sum"], second.input["numbers"])

    with pytest.raises(TypeError, match=r"Sum\.output\['sum'\] to second\.input\['numbers'\].*must be list"):
        await Wrong().execute()


async def test_none_travels_over_a_link_and_what_was_not_assigned_does_not() -> None:
    class Maybe(AtomarProcess):
        def define_parameters(self) -> None:
            self.output.add(OutputParameter("none", int | None))
            self.output.add(OutputParameter("unset", int | None))

        async def execute_impl(self) -> None:
            self.output["none"].value = None

    class Takes(AtomarProcess):
        def define_parameters(self) -> None:
            self.input.add(InputParameter("one", int | None, default=1))
            self.input.add(InputParameter("two", int | None, default=2))

        async def execute_impl(self) -> None:
            return

    class Links(OrchestratedProcess):
        def define_orchestration(self) -> None:
            maybe, takes = Maybe(), Takes("takes")
            self.add_child(maybe)
            self.add_child(takes)
            self._connect_param(maybe.output["none"], takes.input["one"])
            self._connect_param(maybe.output["unset"], takes.input["two"])

    process = Links()
    await process.execute()
    assert process.get_child("takes").input.to_dict() == {"one": None, "two": 2}


async def test_children_of_one_name_are_told_apart() -> None:
    class Same(OrchestratedProcess):
        def define_parameters(self) -> None:
            self.output.add(OutputParameter("sum", int))

        def define_orchestration(self) -> None:
            for name in ("a/b", "a-b", "a-b", "a-b-2", "on_after_execute"):
                last = a_sum(len(self.children))
                last.name = name
                self.add_child(last)
            self._connect_param(last.output["sum"], self.output["sum"])

    process = Same()
    await process.execute()
    assert process.output["sum"].value == 4
    assert process._arrangement is not None
    assert list(process._arrangement.nodes) == ["a-b", "a-b-2", "a-b-3", "a-b-2-2", "on_after_execute-2"]


async def test_the_hook_after_the_children_may_give_outputs() -> None:
    class Counts(OrchestratedProcess):
        def define_parameters(self) -> None:
            self.output.add(OutputParameter("total", int, required=True))

        def define_orchestration(self) -> None:
            self.add_child(a_sum(1, 2))
            self.add_child(a_sum(3))

        async def after_children_executed(self) -> None:
            await asyncio.sleep(0)
            self.output["total"].value = sum(child.output["sum"].value for child, _ in self.children)

    process = Counts()
    await process.execute()
    assert process.output["total"].value == 6


async def test_an_orchestration_without_children_completes() -> None:
    assert await OrchestratedProcess("nothing").execute()


def wrongly_linked(link: Any) -> OrchestratedProcess:
    class Wrong(OrchestratedProcess):
        def define_parameters(self) -> None:
            self.input.add(InputParameter("n", int, default=1))
            self.output.add(OutputParameter("m", int))

        def define_orchestration(self) -> None:
            a, b, stranger = Add("a"), Add("b"), Add("stranger")
            self.add_child(a, PARALLEL)
            self.add_child(b, PARALLEL)
            self._connect_param(*link(self, a, b, stranger))

    return Wrong()


@pytest.mark.parametrize(
    ("link", "message"),
    [
        (lambda s, a, b, x: (x.output["y"], a.input["x"]), "belongs neither to it nor to a child"),
        (lambda s, a, b, x: (a.output["y"], x.input["x"]), "belongs neither to it nor to a child"),
        (lambda s, a, b, x: (a.output["y"], b.input["x"]), "'a' runs together with 'b'"),
        (lambda s, a, b, x: (a.input["x"], b.output["y"]), "data goes to inputs of children"),
        (lambda s, a, b, x: (a.output["y"], s.input["n"]), "data goes to inputs of children"),
        (lambda s, a, b, x: (a.output["y"], 3), "takes parameters"),
    ],
)
async def test_a_link_that_cannot_carry_anything_is_refused(link: Any, message: str) -> None:
    with pytest.raises(DefinitionError, match=message):
        await wrongly_linked(link).execute()


def test_an_orchestrated_process_has_no_work_of_its_own() -> None:
    with pytest.raises(DefinitionError, match="put execute_impl"):

        class Both(OrchestratedProcess):
            async def execute_impl(self) -> None:
                return


def test_a_child_that_is_not_there_is_named_with_the_nearest() -> None:
    process = OrchestratedProcess("p")
    assert process.add_child(Add("load")).name == "load"
    with pytest.raises(KeyError, match=r"no child 'laod'; did you mean 'load'\?"):
        process.get_child("laod")
    with pytest.raises(DefinitionError, match="takes a process"):
        process.add_child("load")  # type: ignore[arg-type]


async def test_a_process_that_does_no_work_says_so() -> None:
    class Empty(AtomarProcess):
        pass

    with pytest.raises(NotImplementedError, match="defines no execute_impl"):
        await Empty().execute()
