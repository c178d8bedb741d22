"""Task states that are kept by name in a store somebody wrote: asked before each task, told each change."""

from __future__ import annotations

import asyncio
import threading
from datetime import datetime
from typing import Any

import pytest

from penstock.errors import DefinitionError
from penstock.tasks import (
    AsyncExecutor,
    SequentialExecutor,
    Task,
    TaskStatus,
    ThreadedExecutor,
    Workflow,
    WorkflowExecutionError,
)

EXECUTORS = [SequentialExecutor, ThreadedExecutor, AsyncExecutor]


class Kept:
    """A state store in a dict, which also remembers what it was asked and told."""

    def __init__(self, **completed: Any) -> None:
        self.states: dict[str, dict[str, Any]] = {
            name: {"status": "COMPLETED", "result": value} for name, value in completed.items()
        }
        self.said: list[str] = []
        self.busy = threading.Lock()

    def save_task_state(
        self, task_name: str, status: TaskStatus, result: Any, error: Any, timestamp: datetime
    ) -> None:
        assert self.busy.acquire(blocking=False), "two calls at once"
        self.states[task_name] = {"status": status, "result": result, "error": error, "timestamp": timestamp}
        self.said.append(f"{task_name} {status.value}")
        self.busy.release()

    def load_task_state(self, task_name: str) -> dict[str, Any] | None:
        self.said.append(f"{task_name}?")
        return self.states.get(task_name)


class Full(Kept):
    """Refuses what is to be kept with one status."""

    def __init__(self, status: TaskStatus) -> None:
        super().__init__()
        self.refuses = status

    def save_task_state(
        self, task_name: str, status: TaskStatus, result: Any, error: Any, timestamp: datetime
    ) -> None:
        if status is self.refuses:
            raise OSError("no room left")
        super().save_task_state(task_name, status, result, error, timestamp)


def flow_of(ran: list[str], *, fail: bool = False) -> Workflow:
    def first() -> int:
        ran.append("first")
        return 0

    async def second(first: int) -> int:
        await asyncio.sleep(0)
        ran.append("second")
        if fail:
            raise ValueError("no")
        return first + 2

    def third(second: int) -> int:
        ran.append("third")
        return second + 3

    flow = Workflow("kept")
    flow.add_task(first)
    flow.add_task(second, ["first"])
    flow.add_task(third, ["second"])
    return flow


@pytest.mark.parametrize("executor", EXECUTORS)
def test_a_store_is_asked_before_each_task_and_told_each_change(executor: Any) -> None:
    store = Kept()
    executor(state_store=store).execute(flow_of([]))
    assert store.said == [
        "first?", "first running", "first completed", "second?", "second running", "second completed",
        "third?", "third running", "third completed",
    ]  # fmt: skip
    assert store.states["third"]["result"] == 5
    assert store.states["third"]["timestamp"].utcoffset() is not None


@pytest.mark.parametrize("executor", EXECUTORS)
def test_what_is_kept_as_completed_is_not_run_again(executor: Any) -> None:
    ran: list[str] = []
    store = Kept()
    with pytest.raises(WorkflowExecutionError):
        executor(storage=store).execute(flow_of(ran, fail=True))
    assert (ran, store.states["second"]["status"]) == (["first", "second"], TaskStatus.FAILED)
    assert "ValueError: no" in store.states["second"]["error"]
    flow = flow_of(ran)
    executor(storage=store).execute(flow)
    assert ran == ["first", "second", "second", "third"]
    assert flow.results == {"first": 0, "second": 2, "third": 5}  # a falsy result counts


def test_finished_siblings_of_a_failed_task_stay_kept() -> None:
    def bad() -> None:
        raise ValueError("no")

    store, flow = Kept(), Workflow("siblings")
    flow.add_task(lambda: 1, name="good")
    flow.add_task(bad)
    flow.add_task(lambda bad: bad, name="after", depends_on=["bad"])
    with pytest.raises(WorkflowExecutionError):
        SequentialExecutor(store).execute(flow)
    assert {name: state["status"].value for name, state in store.states.items()} == {
        "good": "completed",
        "bad": "failed",
    }


def test_the_answer_of_a_task_that_took_too_long_is_not_kept() -> None:
    go, gone = threading.Event(), threading.Event()

    def slow() -> str:
        go.wait(20)
        gone.set()
        return "too late"

    store, flow = Kept(), Workflow("late")
    flow.add_task(slow, timeout=0.05)
    with pytest.raises(WorkflowExecutionError):
        ThreadedExecutor(state_store=store).execute(flow)
    go.set()
    assert gone.wait(20)
    assert store.said == ["slow?", "slow running", "slow failed"]


@pytest.mark.parametrize("status", [TaskStatus.RUNNING, TaskStatus.COMPLETED])
def test_a_state_that_cannot_be_kept_fails_the_task(status: TaskStatus) -> None:
    with pytest.raises(WorkflowExecutionError, match="no room left") as caught:
        SequentialExecutor(Full(status)).execute(flow_of([]))
    assert caught.value.failed_task == "first"


def test_a_change_that_cannot_be_kept_is_an_error_too() -> None:
    flow = Workflow("skipping")
    flow.add_task(lambda: 1, name="never", when=lambda: False)
    with pytest.raises(OSError, match="no room left"):
        SequentialExecutor(Full(TaskStatus.SKIPPED)).execute(flow)


def test_a_map_is_one_task_to_the_store() -> None:
    def each(n: int) -> int:
        return n * n

    store = Kept()
    for _ in range(2):
        flow = Workflow("mapped")
        flow.add_task(Task(each).map(n=[1, 2, 3]))
        SequentialExecutor(store).execute(flow)
        assert flow.results == {"each": [1, 4, 9]}
    assert store.said == ["each?", "each running", "each completed", "each?"]


def test_tasks_on_processes_cannot_ask_a_store_of_ones_own() -> None:
    flow = Workflow("far")
    flow.add_task(flow_of, name="far", executor="processes", values={"ran": []})
    with pytest.raises(
        DefinitionError, match="'far' runs on processes, where a state store of your own cannot"
    ):
        SequentialExecutor(Kept()).execute(flow)


def test_one_store_serves_many_threads_one_call_at_a_time() -> None:
    store, flow = Kept(), Workflow("wide")
    for number in range(40):
        flow.add_task(lambda number=number: number, name=f"n{number}", values={"number": number})
    ThreadedExecutor(8, store).execute(flow)
    assert sum(state["result"] for state in store.states.values()) == sum(range(40))


def test_executors_of_ones_own_keep_states_themselves() -> None:
    store = Kept(done=1)
    executor = SequentialExecutor(store)
    task: Task[..., int] = Task("alone", lambda: 7)
    assert not executor.has_saved(task)
    task.execute()
    executor.save(task)
    assert executor.has_saved(task)
    assert store.states["alone"]["result"] == 7
