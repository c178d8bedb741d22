"""What a workflow of tasks does when it runs: values by name, maps, conditions, triggers, failures, hooks."""

from __future__ import annotations

import threading
from typing import Any

import pytest

import penstock
from penstock.errors import InputError, Retry, RunFailed
from penstock.model.failure import Failure
from penstock.tasks import Workflow, task


def broken(**_: Any) -> None:
    raise ValueError("no")


def fail_times(times: int, error: type[Exception] = ConnectionError) -> Any:
    """A function that fails so often, then says how often it was called."""
    calls = []

    def flaky() -> int:
        calls.append(1)
        if len(calls) <= times:
            raise error(f"call {len(calls)}")
        return len(calls)

    return flaky


def one(fn: Any, **options: Any) -> Workflow:
    """A workflow of one task."""
    flow = Workflow("one")
    flow.add_task(fn, name="it", **options)
    return flow


# ── values ──────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("value", [0, "", None, [], {}, False])
def test_a_falsy_result_is_passed_on_like_any_other(value: Any) -> None:
    flow = Workflow("falsy")
    flow.add_task(lambda: value, name="x")
    flow.add_task(lambda x="nothing came": [x], name="y", depends_on=["x"])
    assert flow.run() == [value]


def test_kwargs_get_the_results_of_all_dependencies() -> None:
    flow = Workflow("all")
    flow.add_task(lambda: 1, name="x")
    flow.add_task(lambda: 2, name="y")
    flow.add_task(lambda y, **rest: (y, rest), name="z", depends_on=["x", "y"])
    y, rest = flow.run()
    assert (y, rest) == (2, {"x": 1})


def test_a_result_nobody_asks_for_is_not_passed() -> None:
    flow = Workflow("order")
    flow.add_task(lambda: 1, name="x")
    flow.add_task(lambda: "after", name="y", depends_on=["x"])
    assert flow.run() == "after"


def test_values_may_be_written_into_the_workflow() -> None:
    assert one(lambda x, y=2: x + y, values={"x": 40}).run() == 42


def test_the_result_is_that_of_the_last_task_or_of_all_last_tasks_by_name() -> None:
    flow = Workflow("two ends")
    flow.add_task(lambda: 1, name="x")
    flow.add_task(lambda: 2, name="y")
    assert flow.run() == {"x": 1, "y": 2}


def test_a_hundred_runs_of_one_workflow_know_nothing_of_each_other() -> None:
    flow = one(lambda x: x * 2)
    assert [flow.run(x=x) for x in range(100)] == [2 * x for x in range(100)]


# ── inputs ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def greet(name: str, times: int = 1) -> str:
    return name * times


def test_inputs_are_given_by_name_and_defaults_stay() -> None:
    flow = one(greet)
    assert (flow.run(name="ab"), flow.run(name="ab", times=2)) == ("ab", "abab")


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ({}, r"workflow 'one' needs input 'name': give name=\.\.\. \(on the command line --name\)"),
        ({"nam": "x"}, r"workflow 'one' has no input 'nam'; did you mean 'name'\?"),
        ({"name": "x", "zzz": 1}, "has no input 'zzz'; it has inputs 'name', 'times'"),
        ({"name": 3}, "input 'name' of workflow 'one' must be str; 3 is int"),
        ({"name": "x", "times": True}, "input 'times' of workflow 'one' must be int; True is bool"),
    ],
)
def test_inputs_that_do_not_fit_are_refused_before_anything_starts(
    inputs: dict[str, Any], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        one(greet).run(**inputs)


def test_an_int_is_a_float() -> None:
    def half(x: float) -> float:
        return x / 2

    assert one(half).run(x=3) == 1.5


def test_declared_inputs_have_the_types_and_defaults_of_the_declaration() -> None:
    def parameters(x: int, y: int = 5) -> None: ...

    flow = Workflow("declared", inputs=parameters)
    flow.add_task(lambda x, y: (x, y), name="pair")
    assert flow.run(x=1) == (1, 5)
    with pytest.raises(InputError, match="input 'x' of workflow 'declared' must be int; 'one' is str"):
        flow.run(x="one")


def test_a_declared_input_may_be_given_though_no_task_takes_it() -> None:
    flow = Workflow("declared", inputs={"x": int, "note": str})
    flow.add_task(lambda x: x, name="it")
    assert flow.run(x=1, note="for the record") == 1


def test_a_run_may_map_over_an_input() -> None:
    flow = one(task()(lambda x: x + 1).map(x="numbers"))
    assert flow.run(numbers=[1, 2]) == [2, 3]
    assert flow.run(numbers=(1, 2)) == [2, 3]


# ── maps ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def add(x: int, y: int = 0) -> int:
    return x + y


def test_a_map_may_go_over_several_lists_side_by_side() -> None:
    assert one(task()(add).map(x=[1, 2], y=[10, 20])).run() == [11, 22]


def test_other_parameters_of_a_map_are_the_same_for_all_items() -> None:
    assert one(task()(add).map(x=[1, 2])).run(y=100) == [101, 102]


def test_a_map_over_nothing_is_an_empty_list() -> None:
    assert one(task()(add).map(x=[])).run() == []


def test_lists_of_different_lengths_fail_the_run_by_name() -> None:
    with pytest.raises(RunFailed, match=r"'it' maps over lists of different lengths: {'x': 1, 'y': 2}"):
        one(task()(add).map(x=[1], y=[1, 2])).run()


def test_a_text_is_no_list_to_map_over() -> None:
    flow = Workflow("w")
    flow.add_task(lambda: "abc", name="letters")
    flow.add_task(task(name="up")(lambda letter: letter).map(letter="letters"))
    with pytest.raises(RunFailed, match="'up' maps over 'letter', which is str: give it a list"):
        flow.run()


def test_any_iterable_result_can_be_mapped_over() -> None:
    flow = Workflow("w")
    flow.add_task(lambda: {3: "x"}.keys(), name="keys")
    flow.add_task(task(name="m")(add).map(x="keys"))
    assert flow.run() == [3]


def test_a_failed_item_fails_the_run_and_is_named() -> None:
    def picky(x: int) -> int:
        return 10 // x

    with pytest.raises(RunFailed, match=r"failed in step 'it\[1\]'") as caught:
        one(task()(picky).map(x=[1, 0])).run()
    assert isinstance(caught.value.__cause__, ZeroDivisionError)


def test_failed_items_may_be_collected() -> None:
    def picky(x: int) -> int:
        return 10 // x

    first, failed = one(task()(picky).map(x=[1, 0], partial="collect")).run()
    assert first == 10
    assert isinstance(failed, Failure)


def test_at_most_a_window_of_items_runs_at_once() -> None:
    here, most, lock = [0], [0], threading.Lock()

    def busy(x: int) -> None:
        with lock:
            here[0] += 1
            most[0] = max(most[0], here[0])
        threading.Event().wait(0.002)
        with lock:
            here[0] -= 1

    one(task(executor="threads")(busy).map(x=list(range(12)), window=3)).run()
    assert most[0] <= 3


# ── sub-workflows ───────────────────────────────────────────────────────────────────────────────────────────────────


def inner() -> Workflow:
    flow = Workflow("inner")
    flow.add_task(lambda x: x + 1, name="plus")
    return flow


def test_a_workflow_may_be_a_step_of_another() -> None:
    flow = Workflow("outer")
    flow.add_task(lambda: 41, name="x")
    name = flow.add_workflow(inner(), depends_on=["x"])
    flow.add_task(lambda inner: [inner], name="last", depends_on=[name])
    assert flow.run() == [42]


def test_a_sub_workflow_gets_values_and_inputs() -> None:
    flow = Workflow("outer")
    flow.add_workflow(inner(), name="one", values={"x": 1})
    flow.add_workflow(inner(), name="two")
    assert flow.run(x=10) == {"one": 2, "two": 11}


def test_steps_of_a_sub_workflow_are_seen_by_path() -> None:
    flow = Workflow("outer")
    flow.add_workflow(inner())
    run = flow.start(x=1)
    assert run.result(60) == 2
    assert (run.steps["inner/plus"].result, run.steps["inner"].result) == (2, 2)


def test_a_sub_workflow_that_failed_is_a_failed_step() -> None:
    sub = Workflow("sub")
    sub.add_task(broken)
    flow = Workflow("outer")
    flow.add_workflow(sub)
    run = flow.start()
    assert run.wait(60) == "failed"
    assert (run.steps["sub"].status, run.error and run.error.step) == ("failed", "sub/broken")


def test_maps_and_sub_workflows_are_running_while_something_of_them_is() -> None:
    release, begun = threading.Event(), threading.Event()

    def hold(x: int) -> bool:
        begun.set()
        return release.wait(60)

    sub = Workflow("sub", executor="threads")
    sub.add_task(task(name="each")(hold).map(x=[1]))
    flow = Workflow("outer")
    flow.add_workflow(sub)
    run = flow.start()
    assert begun.wait(60)
    assert (run.steps["sub"].status, run.steps["sub/each"].status) == ("running", "running")
    release.set()
    assert run.result(60) == [True]


# ── conditions and triggers ─────────────────────────────────────────────────────────────────────────────────────────


def test_a_task_runs_only_when_its_condition_holds() -> None:
    flow = Workflow("when")
    flow.add_task(lambda n: n, name="size")
    flow.add_task(lambda size: "big", name="big", depends_on=["size"], when=lambda size: size > 10)
    flow.add_task(lambda size: "small", name="small", depends_on=["size"], when=lambda size, n: n <= 10)
    assert flow.run(n=50) == {"big": "big"}
    assert flow.run(n=5) == {"small": "small"}


def test_what_depends_on_a_skipped_task_is_skipped_and_says_why() -> None:
    flow = Workflow("when")
    flow.add_task(lambda: 1, name="x", when=lambda: False)
    flow.add_task(lambda x: x, name="y", depends_on=["x"])
    run = flow.start()
    assert run.result(60) is None
    assert (run.steps["x"].status, run.steps["y"].status) == ("skipped", "skipped")
    skipped = {
        event.step: event.reason
        for *_, event in run.events()
        if hasattr(event, "reason") and hasattr(event, "step")
    }
    assert skipped == {"x": "its condition was false", "y": "upstream x skipped"}


def test_a_condition_that_raises_fails_the_run() -> None:
    with pytest.raises(RunFailed, match="ZeroDivisionError"):
        one(lambda: 1, when=lambda: 1 / 0).run()


def triggered(trigger: Any, *, x_fails: bool = False, y_fails: bool = False) -> Any:
    flow = Workflow("trigger")
    for name, fails in (("x", x_fails), ("y", y_fails)):
        flow.add_task(broken if fails else lambda: 1, name=name, optional=True)
    flow.add_task(lambda x, y: (x, y), name="z", depends_on=["x", "y"], trigger=trigger)
    return flow.run()


@pytest.mark.parametrize(
    ("trigger", "failing", "result"),
    [
        ("all_succeeded", {}, (1, 1)),
        ("all_succeeded", {"x_fails": True}, None),
        ("any_succeeded", {"x_fails": True}, (None, 1)),
        ("any_succeeded", {"x_fails": True, "y_fails": True}, None),
        ("any_failed", {}, None),
        ("any_failed", {"y_fails": True}, (1, None)),
        ("all_done", {"x_fails": True, "y_fails": True}, (None, None)),
        ("all_done", {}, (1, 1)),
    ],
)
def test_a_trigger_says_when_a_task_runs(trigger: str, failing: dict[str, bool], result: Any) -> None:
    assert triggered(trigger, **failing) == result


def test_an_unknown_trigger_is_refused() -> None:
    with pytest.raises(penstock.PenstockError, match=r"trigger='all_success' .*did you mean 'all_succeeded'"):
        one(lambda: 1, trigger="all_success")


# ── retries in a run ────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_task_is_tried_again_as_often_as_it_may() -> None:
    assert one(fail_times(2), retries=2).run() == 3
    with pytest.raises(RunFailed, match="ConnectionError: call 2"):
        one(fail_times(2), retries=1).run()


def test_only_the_exceptions_that_were_named_are_tried_again() -> None:
    assert one(fail_times(1), retries=3, retry_on=OSError).run() == 2
    with pytest.raises(RunFailed):
        one(fail_times(1, ValueError), retries=3, retry_on=(OSError, KeyError)).run()


def test_a_task_may_ask_to_be_tried_again() -> None:
    def later() -> int:
        context = penstock.context()
        if context.attempt < 3:
            raise Retry(after=0.001)
        return context.attempt

    assert one(later).run() == 3


def test_every_attempt_is_given_the_same_idempotency_key() -> None:
    keys = []

    def pay() -> None:
        keys.append(penstock.context().idempotency_key)
        if len(keys) == 1:
            raise OSError

    one(pay, retries=1).run()
    assert keys[0] == keys[1]
    assert keys[0].endswith("/it")
