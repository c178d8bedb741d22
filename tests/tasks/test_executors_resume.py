"""Executing a workflow again on a state store of ours: what goes on, what begins anew, and what is restored."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path
from typing import Any

import pytest

import penstock
from penstock.errors import CodeChanged, RunCancelled
from penstock.tasks import (
    AsyncExecutor,
    SequentialExecutor,
    ThreadedExecutor,
    Workflow,
    WorkflowExecutionError,
)

EXECUTORS = [SequentialExecutor, ThreadedExecutor, AsyncExecutor]


class OnFile:
    """All that an executor asks of a state store of ours in the scope of a run: where it is."""

    def __init__(self, path: Path) -> None:
        self.address = f"sqlite:///{path}"


@pytest.fixture
def store(tmp_path: Path) -> Any:
    return OnFile(tmp_path / "runs.db")


class Trial:
    """A workflow of three tasks, whose second fails as long as it is told to; `ran` says what was run."""

    def __init__(self) -> None:
        self.ran: list[str] = []
        self.broken = True

    def flow(self, *, more: bool = False) -> Workflow:
        flow = Workflow("trial")
        flow.add_task(self.first)
        flow.add_task(self.second, depends_on=["first"])
        flow.add_task(self.third, depends_on=["second"])
        if more:
            flow.add_task(self.first, name="more")
        return flow

    def first(self, n: int = 1) -> int:
        self.ran.append("first")
        return n

    async def second(self, first: int) -> int:
        await asyncio.sleep(0)
        self.ran.append("second")
        if self.broken:
            raise ValueError("no")
        return first + 1

    def third(self, second: int) -> int:
        self.ran.append("third")
        return second + 1

    def fails(self, executor: Any, **how: Any) -> Workflow:
        flow = self.flow()
        with pytest.raises(WorkflowExecutionError):
            executor.execute(flow, **how)
        return flow


@pytest.mark.parametrize("executor", EXECUTORS)
def test_a_failed_run_goes_on_with_what_it_lacks(executor: Any, store: Any) -> None:
    trial = Trial()
    before = trial.fails(executor(state_store=store))
    trial.broken = False
    flow = trial.flow()
    executor(state_store=store).execute(flow)
    assert trial.ran == ["first", "second", "second", "third"]
    assert flow.results == {"first": 1, "second": 2, "third": 3}
    assert flow.latest is not None
    assert before.latest is not None
    assert flow.latest.id == before.latest.id


def test_after_a_completed_run_a_new_one_begins(store: Any) -> None:
    trial = Trial()
    trial.broken = False
    for _ in range(2):
        SequentialExecutor(store).execute(trial.flow())
    assert trial.ran == ["first", "second", "third"] * 2


def test_other_inputs_begin_a_new_run(store: Any) -> None:
    trial = Trial()
    trial.fails(SequentialExecutor(store), n=1)
    trial.broken = False
    flow = trial.flow()
    SequentialExecutor(store).execute(flow, n=7)
    assert flow.results == {"first": 7, "second": 8, "third": 9}


def test_a_workflow_of_other_tasks_begins_a_new_run(store: Any) -> None:
    trial = Trial()
    trial.fails(SequentialExecutor(store))
    trial.broken = False
    SequentialExecutor(store).execute(trial.flow(more=True))
    assert trial.ran == ["first", "second", "first", "first", "second", "third"]


def test_a_cancelled_run_is_left_alone(store: Any) -> None:
    trial = Trial()
    trial.broken = False
    flow = trial.flow()

    def cancel() -> int:
        assert flow.latest is not None
        flow.latest.cancel()
        return 0

    flow.add_task(cancel)
    with pytest.raises(RunCancelled):
        SequentialExecutor(store).execute(flow)
    SequentialExecutor(store).execute(trial.flow())
    assert trial.ran[-3:] == ["first", "second", "third"]


@pytest.mark.parametrize("executor", EXECUTORS)
def test_a_run_that_was_named_goes_on_and_is_not_run_twice(executor: Any, store: Any) -> None:
    trial = Trial()
    trial.fails(executor(state_store=store), run_id="2026-11-21")
    trial.broken = False
    for _ in range(2):
        flow = trial.flow()
        executor(state_store=store).execute(flow, run_id="2026-11-21")
        assert flow.get_task_result("third") == 3
    assert trial.ran == ["first", "second", "second", "third"]
    executor(state_store=store).execute(trial.flow(), run_id="2026-11-22")
    assert trial.ran[4:] == ["first", "second", "third"]


def test_a_run_may_be_named_by_its_own_id(store: Any) -> None:
    trial = Trial()
    before = trial.fails(SequentialExecutor(store)).latest
    assert before is not None
    trial.broken = False
    SequentialExecutor(store).execute(trial.flow(), run_id=before.id)
    assert trial.ran == ["first", "second", "second", "third"]


def test_a_named_run_that_cannot_go_on_is_refused(store: Any) -> None:
    trial = Trial()
    trial.fails(SequentialExecutor(store), run_id="one")
    with pytest.raises(CodeChanged, match="began with another structure"):
        SequentialExecutor(store).execute(trial.flow(more=True), run_id="one")


def test_a_run_that_another_engine_drives_is_not_taken(store: Any) -> None:
    begun, go, ran = threading.Event(), threading.Event(), []

    def flow() -> Workflow:
        made = Workflow("held")
        made.add_task(lambda: (ran.append(1), begun.set(), go.wait(20)) and len(ran), name="hold")
        return made

    with penstock.open(store.address) as other:
        theirs = other.start(flow(), {})
        assert begun.wait(20)
        mine = threading.Thread(target=lambda: SequentialExecutor(store).execute(flow()))
        mine.start()
        while len(ran) < 2 and mine.is_alive():
            mine.join(0.01)
        go.set()
        mine.join(20)
        assert theirs.wait(20) == "completed"
    assert len(ran) == 2


def test_callbacks_are_told_when_a_run_goes_on(store: Any) -> None:
    trial, told = Trial(), []
    trial.fails(SequentialExecutor(store))
    trial.broken = False
    flow = trial.flow()
    flow.get_task("second").options["on_status_change"] = lambda *said: told.append(said)
    SequentialExecutor(store).execute(flow)
    assert told == [("second", "running"), ("second", "completed")]
