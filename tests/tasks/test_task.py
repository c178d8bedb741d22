"""A task is a function with a name and options: how it is made, called, copied and mapped, and what is refused."""

from __future__ import annotations

import pickle
from functools import partial
from typing import Any

import pytest

from penstock.errors import DefinitionError
from penstock.model.policies import DEFAULT, NO_RETRY, RetryPolicy
from penstock.tasks import Task, Workflow, task
from penstock.tasks.options import policy_of


@task
def double(x: int) -> int:
    """Twice as much."""
    return 2 * x


@task()
def triple(x: int) -> int:
    return 3 * x


@task(name="fourfold", retries=2, timeout=9)
def quadruple(x: int) -> int:
    return 4 * x


class Adder:
    """A callable object."""

    def __call__(self, x: int) -> int:
        return x + 1


# ── made and called ─────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_task_may_be_made_bare_with_brackets_or_with_options() -> None:
    assert [double.name, triple.name, quadruple.name] == ["double", "triple", "fourfold"]
    assert quadruple.options == {"retries": 2, "timeout": 9}


def test_a_task_is_called_like_its_function() -> None:
    assert double(21) == 42
    assert quadruple(x=1) == 4


def test_a_task_looks_like_its_function() -> None:
    assert (double.__name__, double.__doc__, double.__module__) == ("double", "Twice as much.", __name__)
    assert double.__wrapped__(4) == 8
    assert repr(double) == "<Task double>"


def test_a_task_pickles_by_its_name() -> None:
    assert pickle.loads(pickle.dumps(double)) is double


def test_a_callable_object_and_a_partial_are_tasks_too() -> None:
    assert Task(Adder()).name == "Adder"
    assert Task(partial(pow, 2), name="power")(3) == 8


def test_what_cannot_be_called_is_no_task() -> None:
    with pytest.raises(DefinitionError, match="a task is made of a function; 3 is int"):
        Task(3)  # type: ignore[arg-type]


def test_a_copy_has_its_own_name_and_options() -> None:
    copy = quadruple.named("big", retries=5)
    assert (copy.name, copy.options) == ("big", {"retries": 5, "timeout": 9})
    assert quadruple.options["retries"] == 2


def test_a_copy_of_a_map_is_a_map() -> None:
    copy = double.map(x=[1], window=3, partial="collect").named("other")
    assert (copy.over, copy.window, copy.partial) == ({"x": [1]}, 3, "collect")


# ── options ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_an_unknown_option_is_refused_with_the_nearest() -> None:
    with pytest.raises(
        DefinitionError, match=r"task 'f': there is no option 'retrys'; did you mean 'retries'\?"
    ):
        task(name="f", retrys=1)(double.fn)


def test_an_option_like_no_other_is_refused_with_all() -> None:
    with pytest.raises(
        DefinitionError, match="there is no option 'zzz'; known are cache, executor, limit, never_retry_on"
    ):
        task(name="f", zzz=1)(double.fn)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"retries": -1}, "retries=-1 must be a whole number from 0 up, or a RetryPolicy"),
        ({"retries": 1.5}, "retries=1.5 must be a whole number"),
        ({"retries": True}, "retries=True must be a whole number"),
        ({"timeout": 0}, "timeout=0 must be a number of seconds above 0, or None"),
        ({"timeout": "5s"}, "timeout='5s' must be a number of seconds"),
        ({"retry_delay": -1}, "retry_delay=-1 must be a number from 0 up"),
        ({"retry_backoff": "two"}, "retry_backoff='two' must be a number"),
        ({"retry_jitter": "some"}, "retry_jitter='some' must be 'none', 'full' or 'equal'"),
        (
            {"retry_on": ["ValueError"]},
            r"retry_on=\['ValueError'\] must be an exception class, or a tuple of them",
        ),
        ({"never_retry_on": int}, "never_retry_on=<class 'int'> must be an exception class"),
    ],
)
def test_an_option_that_means_nothing_is_refused_where_it_is_said(
    options: dict[str, Any], message: str
) -> None:
    with pytest.raises(DefinitionError, match=f"task 'f': {message}"):
        task(name="f", **options)(double.fn)


def test_without_options_a_task_has_the_default_policy() -> None:
    assert policy_of({}) is DEFAULT
    assert policy_of({"optional": True}) is DEFAULT


def test_options_make_a_policy() -> None:
    policy = policy_of(
        {
            "retries": 3, "retry_delay": 1.0, "retry_backoff": 2.0, "retry_ceiling": 60.0, "retry_jitter": "full",
            "retry_on": OSError, "never_retry_on": (KeyError, DefinitionError), "timeout": 5, "executor": "threads",
            "pure": True,
        }
    )  # fmt: skip
    assert policy.retry == RetryPolicy(
        4, 1.0, 2.0, 60.0, "full", ("OSError",), ("KeyError", "penstock.errors.DefinitionError")
    )
    assert (policy.timeout, policy.executor, policy.pure) == (5, "threads", True)


def test_a_whole_retry_policy_may_be_given() -> None:
    given = RetryPolicy(attempts=9, delay=0.5)
    assert policy_of({"retries": given}).retry is given


def test_a_timeout_alone_brings_no_retries() -> None:
    assert policy_of({"timeout": 5}).retry is NO_RETRY


# ── maps ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_map_must_know_what_to_go_over() -> None:
    with pytest.raises(
        DefinitionError, match=r"double.map\(\) needs to know what to go over, such as double.map\(x=\.\.\.\)"
    ):
        double.map()


@pytest.mark.parametrize(
    ("how", "message"), [({"window": 0}, "at least 1"), ({"partial": "drop"}, "'fail' or 'collect'")]
)
def test_a_map_that_means_nothing_is_refused(how: dict[str, Any], message: str) -> None:
    with pytest.raises(DefinitionError, match=message):
        double.map(x=[1], **how)


# ── state shown on the task ─────────────────────────────────────────────────────────────────────────────────────────


def test_a_task_shows_status_and_result_of_the_latest_run() -> None:
    flow = Workflow("shown")
    mine = flow.add_task(double)
    assert mine.status == "pending"
    flow.run(x=4)
    assert (mine.status, mine.result) == ("completed", 8)
    flow.run(x=5)
    assert mine.result == 10


def test_a_task_that_was_not_run_has_no_result() -> None:
    with pytest.raises(DefinitionError, match="task 'double' has no result: its workflow was not run"):
        _ = double.result
    assert double.status == "pending"


def test_options_that_are_said_with_the_function_are_heard() -> None:
    made = task(lambda: 1, name="one", retries=3)  # type: ignore[call-overload]
    assert (made.name, made.options["retries"]) == ("one", 3)
