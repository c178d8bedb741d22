"""Building workflows: every way to say what depends on what, and every mistake with what to do about it."""

from __future__ import annotations

from typing import Any

import pytest

from penstock.errors import DefinitionError
from penstock.tasks import Workflow, task


def fetch() -> list[int]:
    return [3, 1, 2]


def clean(fetch: list[int]) -> list[int]:
    return sorted(fetch)


def report(clean: list[int], title: str = "none") -> str:
    return f"{title}: {clean}"


@task
def a() -> str:
    return "a"


@task
def b() -> str:
    return "b"


@task
def c(a: str, b: str) -> str:
    return a + b


def refused(flow: Workflow, message: str) -> None:
    with pytest.raises(DefinitionError, match=message):
        flow.check()


# ── ways to say it ──────────────────────────────────────────────────────────────────────────────────────────────────


def test_dependencies_may_be_named_by_name_by_task_or_by_function() -> None:
    flow = Workflow("etl")
    first = flow.add_task(fetch)
    flow.add_task(clean, depends_on=[first])
    flow.add_task(report, depends_on="clean")
    assert flow.run(title="sorted") == "sorted: [1, 2, 3]"


def test_tasks_may_be_added_before_what_they_depend_on() -> None:
    flow = Workflow("etl")
    flow.add_task(clean, depends_on=["fetch"])
    flow.add_task(fetch)
    assert flow.get_execution_plan() == [["fetch"], ["clean"]]


def test_an_arrow_makes_a_dependency() -> None:
    flow = Workflow("arrow")
    one, two = flow.add_task(fetch), flow.add_task(clean)
    assert (one >> two) is two
    assert flow.run() == [1, 2, 3]


def test_inside_a_block_arrows_add_tasks() -> None:
    with Workflow("block") as flow:
        [a, b] >> c
    assert flow.run() == "ab"


def test_an_arrow_may_lead_to_several() -> None:
    with Workflow("fan") as flow:
        a >> [flow.add_task(lambda a: a + "1", name="x"), flow.add_task(lambda a: a + "2", name="y")]
    assert flow.run() == {"x": "a1", "y": "a2"}


def test_saying_an_arrow_twice_changes_nothing() -> None:
    with Workflow("twice") as flow:
        [a, b] >> c
        a >> c
    assert flow.get_dependencies("c") == ["a", "b"]


def test_an_arrow_outside_a_workflow_is_refused() -> None:
    with pytest.raises(DefinitionError, match=r"is said outside a workflow: say it inside `with Workflow"):
        a >> b


def test_a_block_checks_its_workflow_at_its_end() -> None:
    with pytest.raises(DefinitionError, match="has no tasks"), Workflow("empty"):
        pass


def test_an_error_in_a_block_is_not_covered_by_a_check() -> None:
    with pytest.raises(KeyError), Workflow("empty"):
        raise KeyError("mine")


def test_blocks_may_be_nested() -> None:
    with Workflow("outer") as outer:
        with Workflow("inner") as inner:
            a >> flow_task(inner)
        a >> flow_task(outer)
    assert (list(outer.tasks), list(inner.tasks)) == (["sink", "a"], ["sink", "a"])


def flow_task(flow: Workflow) -> Any:
    return flow.add_task(lambda a: a, name="sink")


def test_a_workflow_s_own_decorator_adds_tasks() -> None:
    flow = Workflow("decorated")

    @flow.task
    def first() -> int:
        return 1

    @flow.task(depends_on=[first], retries=2)
    def second(first: int) -> int:
        return first + 1

    assert flow.run() == 2
    assert flow.get_task("second").options == {"retries": 2}


def test_a_task_is_copied_so_that_one_function_may_be_in_many_places() -> None:
    flow = Workflow("copies")
    one = flow.add_task(a)
    two = flow.add_task(a, name="again")
    assert (one.name, two.name, a.flow) == ("a", "again", None)


def test_options_said_when_adding_win() -> None:
    flow = Workflow("options")
    made = flow.add_task(task(retries=1, timeout=5)(fetch), retries=4)
    assert made.options == {"retries": 4, "timeout": 5}


def test_a_map_over_a_task_depends_on_it() -> None:
    flow = Workflow("map")
    flow.add_task(fetch)
    flow.add_task(task(name="twice")(lambda x: 2 * x).map(x="fetch"))
    assert flow.get_dependencies("twice") == ["fetch"]
    assert flow.run() == [6, 2, 4]


def test_a_map_over_a_task_that_is_added_later_depends_on_it_too() -> None:
    flow = Workflow("map")
    flow.add_task(task(name="twice")(lambda x: 2 * x).map(x="fetch"))
    flow.add_task(fetch)
    assert flow.run() == [6, 2, 4]


# ── looking at it ───────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_plan_shows_what_may_run_side_by_side() -> None:
    with Workflow("plan") as flow:
        [a, b] >> c
    assert [sorted(layer) for layer in flow.get_execution_plan()] == [["a", "b"], ["c"]]


def test_its_parts_can_be_asked_for() -> None:
    flow = Workflow("parts")
    flow.add_task(fetch)
    assert list(flow.tasks) == ["fetch"]
    assert flow.get_task("fetch").fn is fetch
    assert repr(flow) == "<Workflow parts: 1 tasks>"


def test_inputs_are_what_no_task_provides() -> None:
    flow = Workflow("inputs")
    flow.add_task(fetch)
    flow.add_task(clean, depends_on=["fetch"])
    flow.add_task(report, depends_on=["clean"])
    assert {name: parameter.default for name, parameter in flow.inputs.items()} == {"title": "none"}


# ── mistakes ────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("name", ["", None, 3])
def test_a_workflow_needs_a_name(name: Any) -> None:
    with pytest.raises(DefinitionError, match="a workflow needs a name"):
        Workflow(name)


@pytest.mark.parametrize("limits", [{"limit": 0}, {"timeout": 0}, {"timeout": -1}])
def test_limits_must_mean_something(limits: dict[str, Any]) -> None:
    with pytest.raises(DefinitionError, match="must be"):
        Workflow("w", **limits)


def test_a_workflow_without_tasks_cannot_run() -> None:
    refused(Workflow("w"), r"workflow 'w' has no tasks; add one with add_task\(\.\.\.\)")


def test_two_tasks_may_not_have_one_name() -> None:
    flow = Workflow("w")
    flow.add_task(fetch)
    with pytest.raises(DefinitionError, match="has a task 'fetch' already; give this one another name"):
        flow.add_task(fetch)


@pytest.mark.parametrize("name", ["a/b", "@x", "a@b"])
def test_names_may_not_hold_what_stands_for_something_else(name: str) -> None:
    with pytest.raises(DefinitionError, match="cannot name a task"):
        Workflow("w").add_task(fetch, name=name)


def test_a_circle_is_printed_in_order_of_flow() -> None:
    flow = Workflow("w")
    flow.add_task(lambda z: z, name="x", depends_on=["z"])
    flow.add_task(lambda x: x, name="y", depends_on=["x"])
    flow.add_task(lambda y: y, name="z", depends_on=["y"])
    refused(flow, r"runs in a circle: (x -> y -> z -> x|y -> z -> x -> y|z -> x -> y -> z); remove one")


def test_a_task_may_not_depend_on_itself() -> None:
    flow = Workflow("w")
    flow.add_task(lambda x=1: x, name="x", depends_on=["x"])
    refused(flow, "runs in a circle: x -> x")


def test_an_unknown_dependency_is_refused_with_the_nearest() -> None:
    flow = Workflow("w")
    flow.add_task(fetch)
    flow.add_task(clean, depends_on=["fecth"])
    refused(
        flow, r"task 'clean' depends on 'fecth', which is no task of workflow 'w'; did you mean 'fetch'\?"
    )


def test_a_forgotten_dependency_is_refused_with_the_fix() -> None:
    flow = Workflow("w")
    flow.add_task(fetch)
    flow.add_task(clean)
    refused(
        flow,
        r"'clean' has a parameter 'fetch', named like a task it does not depend on: say depends_on=\['fetch'\]",
    )


def test_an_optional_parameter_named_like_a_task_is_left_to_its_default() -> None:
    flow = Workflow("w")
    flow.add_task(fetch)
    flow.add_task(lambda fetch=None: fetch, name="apart")
    assert flow.run() == {"fetch": [3, 1, 2], "apart": None}


def test_an_argument_nobody_provides_is_refused_where_inputs_are_declared() -> None:
    flow = Workflow("w", inputs={"path": str})
    flow.add_task(lambda path, mode: path, name="load")
    refused(flow, r"nobody provides 'mode' of task 'load'.*nor a declared input \(path\)")


def test_a_value_for_a_parameter_that_is_not_there_is_refused() -> None:
    flow = Workflow("w")
    flow.add_task(report, depends_on=[], values={"titel": "x"})
    refused(flow, "task 'report' has no parameter 'titel'; it has clean, title")


def test_a_parameter_that_goes_by_place_only_is_refused() -> None:
    flow = Workflow("w")
    flow.add_task(lambda x, /: x, name="placed")
    refused(flow, "parameter 'x' can only be given by place")


def test_a_function_without_a_signature_is_refused() -> None:
    flow = Workflow("w")
    flow.add_task(dict, name="d")
    refused(flow, "the parameters of <class 'dict'> cannot be read")


def test_a_map_over_what_is_neither_task_nor_declared_is_refused() -> None:
    flow = Workflow("w", inputs={})
    flow.add_task(task(name="twice")(lambda x: x).map(x="fecth"))
    refused(flow, "task 'twice' maps over 'fecth', which is neither a task nor an input")


def test_asking_for_a_task_that_is_not_there_names_the_nearest() -> None:
    flow = Workflow("w")
    flow.add_task(fetch)
    with pytest.raises(DefinitionError, match=r"has no task 'fech'; did you mean 'fetch'\?"):
        flow.get_task("fech")


def test_what_is_no_task_cannot_be_added_or_depended_on() -> None:
    with pytest.raises(DefinitionError, match="3 is no task: decorate a function with @task"):
        Workflow("w").add_task(3)  # type: ignore[arg-type]
    with pytest.raises(DefinitionError, match="3 names no task"):
        Workflow("w").add_task(fetch, depends_on=[3])  # type: ignore[list-item]


def test_an_arrow_between_two_tasks_of_one_name_is_refused() -> None:
    with pytest.raises(DefinitionError, match="has another task named 'a'"), Workflow("w") as flow:
        flow.add_task(fetch, name="a")
        a >> b


def test_an_arrow_to_a_name_that_is_not_there_is_refused() -> None:
    with pytest.raises(DefinitionError, match="has no task 'ghost'"):
        Workflow("w").link("ghost", "ghost")


def test_a_change_after_a_check_is_checked_again() -> None:
    flow = Workflow("w")
    flow.add_task(fetch)
    flow.check()
    flow.add_task(clean)
    refused(flow, "named like a task it does not depend on")
