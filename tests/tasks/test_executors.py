"""Executors of tasks, and what a workflow and its tasks show of their latest run."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest

from penstock.errors import DefinitionError, InputError
from penstock.tasks import (
    AsyncExecutor,
    BaseExecutor,
    SequentialExecutor,
    Task,
    TaskExecutionError,
    TaskStatus,
    ThreadedExecutor,
    Workflow,
    WorkflowExecutionError,
    WorkflowStatus,
    task,
)

EXECUTORS = [SequentialExecutor, ThreadedExecutor, AsyncExecutor]


def one() -> int:
    return 1


def two(one: int) -> int:
    return one + 1


async def later(two: int) -> int:
    await asyncio.sleep(0)
    return two * 10


def broken(one: int) -> int:
    raise ValueError("no")


def chain() -> Workflow:
    flow = Workflow("chain")
    flow.add_task(one)
    flow.add_task(two, depends_on=["one"])
    flow.add_task(later, depends_on=["two"])
    return flow


def failing() -> Workflow:
    flow = Workflow("failing")
    flow.add_task(one)
    flow.add_task(broken, depends_on=["one"])
    flow.add_task(lambda broken: broken, name="after", depends_on=["broken"])
    return flow


# ── executing ───────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("executor", EXECUTORS)
def test_every_executor_runs_functions_and_coroutines_and_the_workflow_shows_it(executor: Any) -> None:
    flow = chain()
    executor().execute(flow)
    assert flow.status is WorkflowStatus.COMPLETED
    assert flow.results == {"one": 1, "two": 2, "later": 20}
    assert flow.get_task("later").status is TaskStatus.COMPLETED


@pytest.mark.parametrize("executor", EXECUTORS)
def test_a_failed_task_is_named_and_stops_what_depends_on_it(executor: Any) -> None:
    flow = failing()
    with pytest.raises(WorkflowExecutionError, match="ValueError: no") as caught:
        flow.execute(executor())
    assert isinstance(caught.value, RuntimeError)
    assert caught.value.failed_task == "broken"
    assert isinstance(caught.value.__cause__, ValueError)
    assert flow.status == "failed"
    assert [each.status.value for each in flow.tasks.values()] == ["completed", "failed", "pending"]
    assert isinstance(flow.get_task("broken").error, ValueError)
    assert flow.get_task("one").error is None


@pytest.mark.parametrize("executor", EXECUTORS)
def test_every_executor_retries(executor: Any) -> None:
    tries: list[int] = []

    def flaky() -> str:
        tries.append(1)
        if len(tries) < 3:
            raise OSError("busy")
        return "done"

    flow = Workflow("flaky")
    flow.add_task(flaky, retries=2)
    executor().execute(flow)
    assert (len(tries), flow.get_task_result("flaky")) == (3, "done")


@pytest.mark.parametrize("executor", EXECUTORS)
def test_every_executor_enforces_timeouts(executor: Any) -> None:
    released = threading.Event()
    flow = Workflow("slow")
    flow.add_task(lambda: released.wait(20), name="slow", timeout=0.05)
    try:
        with pytest.raises(WorkflowExecutionError) as caught:
            executor().execute(flow)
    finally:
        released.set()
    assert caught.value.failed_task == "slow"
    assert "0.05" in str(flow.get_task("slow").error)


def test_threads_run_side_by_side_as_many_as_there_are_workers() -> None:
    together = threading.Barrier(3, timeout=60)
    flow = Workflow("side by side")
    for number in range(3):
        flow.add_task(lambda: together.wait(), name=f"n{number}")
    ThreadedExecutor(max_workers=3).execute(flow)
    assert sorted(flow.results.values()) == [0, 1, 2]


def at_once(executor: BaseExecutor, count: int) -> int:
    """How many of so many tasks an executor has under way at once, at most."""
    lock, now, most = threading.Lock(), 0, 0

    def work() -> None:
        nonlocal now, most
        with lock:
            now += 1
            most = max(most, now)
        for _ in range(2000):
            pass
        with lock:
            now -= 1

    flow = Workflow("counted")
    for number in range(count):
        flow.add_task(work, name=f"n{number}")
    executor.execute(flow)
    return most


def test_no_more_run_at_once_than_was_said() -> None:
    assert at_once(SequentialExecutor(), 20) == 1
    assert at_once(ThreadedExecutor(max_workers=2), 40) <= 2
    assert at_once(AsyncExecutor(max_concurrent=1), 20) == 1


async def test_the_async_executor_is_awaited_where_a_loop_runs() -> None:
    flow = chain()
    assert await AsyncExecutor().execute(flow) is flow
    assert flow.get_task_result("later") == 20


def test_what_the_async_executor_ran_may_still_be_awaited() -> None:
    flow = chain()
    assert asyncio.run(AsyncExecutor().execute(flow)) is flow

    async def outside() -> Workflow:
        return await done

    done = AsyncExecutor().execute(flow)
    assert asyncio.run(outside()) is flow


def test_inputs_are_given_by_name_and_checked() -> None:
    flow = Workflow("squares")
    flow.add_task(lambda n: n * n, name="square")
    assert flow.execute(n=3).get_task_result("square") == 9
    with pytest.raises(InputError, match="needs input 'n'"):
        flow.execute()


def test_an_executor_of_ones_own_says_where_and_how_many() -> None:
    class Elsewhere(BaseExecutor):
        placement = "threads"

    flow = Workflow("where")
    flow.add_task(lambda: threading.get_ident(), name="inline", executor="inline")
    flow.add_task(lambda: threading.get_ident(), name="free")
    Elsewhere().execute(flow)
    assert flow.get_task_result("inline") == threading.get_ident() != flow.get_task_result("free")


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: ThreadedExecutor(0), "max_workers=0 must be a whole number from 1 up"),
        (lambda: AsyncExecutor(max_concurrent=-1), "max_concurrent=-1 must be"),
        (lambda: SequentialExecutor(resume_scope="step"), "resume_scope='step' must be 'run' or 'task'"),
    ],
)
def test_an_executor_that_means_nothing_is_refused(make: Any, message: str) -> None:
    with pytest.raises(DefinitionError, match=message):
        make()


def test_one_workflow_may_be_executed_from_many_threads() -> None:
    flow = Workflow("shared")
    flow.add_task(lambda n: n * n, name="square")
    found: list[int] = []

    def execute(n: int) -> None:
        flow.using(store="ephemeral").run(n=n)
        ThreadedExecutor(2).execute(flow, n=n)
        found.append(n)

    threads = [threading.Thread(target=execute, args=(n,)) for n in range(8)]
    for each in threads:
        each.start()
    for each in threads:
        each.join(20)
    assert sorted(found) == list(range(8))
    assert flow.get_task_result("square") in {n * n for n in range(8)}


# ── what a workflow shows ───────────────────────────────────────────────────────────────────────────────────────────


def test_a_workflow_that_was_not_run_is_pending() -> None:
    flow = chain()
    assert flow.status is WorkflowStatus.PENDING
    assert flow.get_workflow_stats() == {
        "status": "pending", "total_tasks": 3, "pending": 3, "running": 0, "completed": 0, "failed": 0,
        "skipped": 0, "cancelled": 0, "total_time_seconds": 0.0,
    }  # fmt: skip
    assert flow.get_task_result("one") is None


def test_stats_count_tasks_by_status_and_the_time_from_first_to_last() -> None:
    flow = failing()
    with pytest.raises(WorkflowExecutionError):
        flow.execute()
    stats = flow.get_workflow_stats()
    assert (stats["completed"], stats["failed"], stats["pending"]) == (1, 1, 1)
    assert stats["total_time_seconds"] > 0


def test_what_a_task_is_given_is_shown() -> None:
    flow = chain()
    flow.execute()
    assert flow.results_for("two") == {"one": 1}
    assert flow.get_dependencies("later") == ["two"]
    assert flow.get_execution_plan() == [["one"], ["two"], ["later"]]


def test_a_run_that_began_is_shown_while_it_runs() -> None:
    seen: list[Any] = []
    flow = Workflow("watching")
    flow.add_task(lambda: seen.append(flow.status), name="look")
    flow.run()
    assert seen == [WorkflowStatus.RUNNING]


def test_a_status_is_a_text_and_a_name() -> None:
    assert TaskStatus.COMPLETED == "completed"
    assert TaskStatus("failed") is TaskStatus.FAILED


# ── a task alone ────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_task_is_made_in_any_of_three_ways() -> None:
    for made in (Task("name", one), Task(one, name="name"), Task(name="name", fn=one)):
        assert (made.name, made()) == ("name", 1)


def test_a_task_is_executed_alone_with_its_retries_and_shows_it() -> None:
    tries: list[int] = []

    @task(retries=1)
    def flaky(upstream: int) -> int:
        tries.append(upstream)
        if len(tries) == 1:
            raise OSError("busy")
        return upstream + 1

    assert flaky.execute({"upstream": 2, "other": 3}) == 3
    assert (flaky.status, flaky.result, tries) == (TaskStatus.COMPLETED, 3, [2, 2])


def test_a_task_that_fails_alone_says_why() -> None:
    bad = Task("bad", broken)
    with pytest.raises(TaskExecutionError, match="no") as caught:
        bad.execute({"one": 1})
    assert isinstance(caught.value.__cause__, ValueError)
    assert (bad.status, bad.error) == ("failed", caught.value.__cause__)


# ── callbacks ───────────────────────────────────────────────────────────────────────────────────────────────────────


def test_callbacks_are_told_of_each_change_and_each_retry() -> None:
    told: list[Any] = []
    tries: list[int] = []

    @task(
        retries=2, on_status_change=lambda *said: told.append(said), on_retry=lambda *said: told.append(said)
    )
    def flaky() -> None:
        tries.append(1)
        if len(tries) < 3:
            raise OSError("busy")

    flow = Workflow("told")
    flow.add_task(flaky)
    flow.run()
    assert told == [
        ("flaky", TaskStatus.RUNNING), ("flaky", 1), ("flaky", 2), ("flaky", TaskStatus.COMPLETED),
    ]  # fmt: skip


def test_callbacks_are_told_of_a_map_as_of_one_task_and_of_tasks_inside() -> None:
    told: list[Any] = []
    inner = Workflow("inner")
    inner.add_task(one, on_status_change=lambda *said: told.append(said))
    flow = Workflow("outer")
    flow.add_task(
        Task(lambda n: n, name="each").map(n=[1, 2, 3]), on_status_change=lambda *said: told.append(said)
    )
    flow.add_workflow(inner, depends_on=["each"])
    flow.run()
    assert told == [
        ("each", "running"), ("each", "completed"), ("one", "running"), ("one", "completed"),
    ]  # fmt: skip


def test_a_callback_that_raises_does_not_hurt_the_run(caplog: pytest.LogCaptureFixture) -> None:
    def bad(name: str, status: TaskStatus) -> None:
        raise ZeroDivisionError

    flow = Workflow("careless")
    flow.add_task(one, on_status_change=bad)
    assert flow.run() == 1
    assert "on_status_change of task 'one' raised; the run goes on" in caplog.text


def test_failures_and_skips_are_told() -> None:
    told: list[Any] = []
    flow = Workflow("ends")

    def tell(*said: Any) -> None:
        told.append(said)

    flow.add_task(broken, values={"one": 1}, optional=True, on_status_change=tell)
    flow.add_task(lambda: 1, name="after", depends_on=["broken"], on_status_change=tell)
    flow.run()
    assert told[1:] == [("broken", "failed"), ("after", "skipped")]


# ── pools by size ───────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_pool_of_threads_is_named_with_its_size() -> None:
    together = threading.Barrier(
        12, timeout=60
    )  # more than a pool has that is not told its size, on a small machine
    flow = Workflow("pool", executor="threads:12")
    for number in range(12):
        flow.add_task(lambda: together.wait(), name=f"n{number}")
    assert sorted(flow.run().values()) == list(range(12))


@pytest.mark.parametrize("name", ["threads:0", "threads:", "threads:many", "threads:-1", "processes:2"])
def test_a_pool_of_no_size_is_refused(name: str) -> None:
    flow = Workflow("pool")
    flow.add_task(lambda: 1, name="one", executor=name)
    with pytest.raises(DefinitionError, match=f"there is no executor '{name}'"):
        flow.run()
