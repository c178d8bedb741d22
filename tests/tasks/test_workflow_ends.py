"""How runs of tasks end: failures, optional tasks, hooks, timeouts, limits; and what a run shows of itself."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest

import penstock
from penstock.app import engine_at
from penstock.context import resource
from penstock.errors import DefinitionError, RunFailed, RunNotFound, StepTimeout
from penstock.model import events as e
from penstock.tasks import Workflow

SOON = 60.0
"""Seconds after which something that should have happened has not."""


def broken() -> None:
    raise ValueError("no")


def flow_of(*fns: Any, **options: Any) -> Workflow:
    """A workflow of independent tasks, named x, y, z."""
    flow = Workflow("ends", **options)
    for name, fn in zip("xyz", fns, strict=False):
        flow.add_task(fn, name=name)
    return flow


def kinds(run: penstock.Run[Any]) -> list[str]:
    return [e.KIND_OF[type(event)] for _, _, event in run.events()]


# ── failing ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_failed_run_says_where_and_why() -> None:
    with pytest.raises(RunFailed, match=r"run \w{16} of 'ends' failed in step 'x': ValueError: no") as caught:
        flow_of(broken).run()
    assert caught.value.failed_step == "x"
    assert isinstance(caught.value.__cause__, ValueError)


def test_what_depends_on_a_failed_task_does_not_run() -> None:
    ran: list[int] = []
    flow = flow_of(broken)
    flow.add_task(lambda x: ran.append(1), name="after", depends_on=["x"])
    run = flow.start()
    with pytest.raises(RunFailed):
        run.result(SOON)
    assert (ran, run.steps["after"].status) == ([], "waiting")


def test_the_failure_of_an_optional_task_does_not_fail_the_run() -> None:
    flow = Workflow("optional")
    flow.add_task(broken, name="x", optional=True)
    flow.add_task(lambda: 2, name="y")
    assert flow.run() == {"y": 2}


def test_without_fail_fast_other_branches_finish_first() -> None:
    ran: list[str] = []
    flow = Workflow("patient", fail_fast=False)
    flow.add_task(broken, name="x")
    flow.add_task(lambda: ran.append("y"), name="y")
    flow.add_task(lambda y: ran.append("z"), name="z", depends_on=["y"])
    with pytest.raises(RunFailed) as caught:
        flow.run()
    assert (ran, caught.value.failed_step) == (["y", "z"], "x")


@pytest.mark.parametrize("end", [SystemExit(3), AssertionError(), ExceptionGroup("many", [ValueError()])])
def test_whatever_a_task_raises_is_its_failure(end: BaseException) -> None:
    def ending() -> None:
        raise end

    with pytest.raises(RunFailed) as caught:
        flow_of(ending).run()
    assert caught.value.__cause__ is end


# ── hooks ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_hook_of_success_is_given_the_result_and_recorded_as_a_step() -> None:
    seen: list[Any] = []
    run = flow_of(lambda: 5, on_success=seen.append).start()
    assert (run.result(SOON), seen) == (5, [5])
    assert run.steps["@on_completed"].status == "completed"


def test_a_hook_of_failure_is_given_the_failure_and_recorded_as_a_step() -> None:
    seen: list[Any] = []
    run = flow_of(broken, on_failure=seen.append).start()
    with pytest.raises(RunFailed):
        run.result(SOON)
    assert (seen[0].message, run.steps["@on_failed"].status) == ("no", "completed")


def test_a_hook_that_fails_does_not_change_the_outcome() -> None:
    def spoil(_: Any) -> None:
        raise RuntimeError("hook")

    run = flow_of(lambda: 5, on_success=spoil).start()
    assert run.result(SOON) == 5
    assert run.steps["@on_completed"].status == "failed"


# ── time ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_hung_task_is_left_behind_at_its_timeout_its_slot_is_free_and_the_log_says_so(
    caplog: pytest.LogCaptureFixture,
) -> None:
    release = threading.Event()
    flow = Workflow("hung")
    flow.add_task(lambda: release.wait(SOON), name="x", timeout=0.05, optional=True)
    flow.add_task(lambda: "next", name="y", timeout=SOON)
    run = penstock.open("ephemeral")
    try:
        done = run.run(flow, {})
        assert done.result() == {"y": "next"}
        notes = [event for _, _, event in done.events() if isinstance(event, e.Noted)]
        assert [(note.topic, note.step) for note in notes] == [("abandoned", "x")]
    finally:
        release.set()
        run.close()


def test_a_task_that_timed_out_is_tried_again() -> None:
    calls: list[int] = []
    release = threading.Event()

    def slow_once() -> int:
        calls.append(1)
        if len(calls) == 1:
            release.wait(SOON)
        return len(calls)

    flow = Workflow("slow")
    flow.add_task(slow_once, timeout=0.5, retries=9)
    try:
        assert flow.run() >= 2
    finally:
        release.set()


def test_a_timeout_is_told_as_one() -> None:
    flow = Workflow("slow")
    release = threading.Event()
    flow.add_task(lambda: release.wait(SOON), name="x", timeout=0.05)
    run = flow.start()
    with pytest.raises(RunFailed, match=r"x took longer than 0.05 s"):
        run.result(SOON)
    release.set()
    assert run.error is not None
    assert run.error.cause == "timeout"


def test_an_inline_task_cannot_have_a_timeout() -> None:
    flow = Workflow("inline", executor="inline")
    flow.add_task(lambda: 1, name="x", timeout=5)
    with pytest.raises(DefinitionError, match="inline executor cannot"):
        flow.run()


def test_a_run_has_a_time_of_its_own() -> None:
    release = threading.Event()
    flow = Workflow("long", executor="threads", timeout=0.1)
    flow.add_task(lambda: release.wait(SOON), name="x")
    with pytest.raises(RunFailed, match="took longer than it was allowed"):
        flow.run()
    release.set()


def test_the_time_of_one_run_may_be_said_when_it_starts() -> None:
    release = threading.Event()
    flow = Workflow("long", executor="threads")
    flow.add_task(lambda: release.wait(SOON), name="x")
    with pytest.raises(RunFailed, match="took longer than it was allowed"):
        flow.using(timeout=0.1).run()
    release.set()


def test_what_a_step_starts_inherits_the_deadline_of_its_run() -> None:
    deadlines: list[Any] = []

    def look() -> None:
        deadlines.append(penstock.context().deadline)

    def outer() -> None:
        deadlines.append(penstock.context().deadline)
        flow_of(look).run()
        flow_of(look).using(timeout=1_000_000).run()
        flow_of(look).using(timeout=30).run()

    flow_of(outer, timeout=60).run()
    assert deadlines[0] == deadlines[1] == deadlines[2]
    assert deadlines[3] < deadlines[0]


# ── limits ──────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(("limit", "most"), [(1, 1), (3, 3), (None, 9)])
def test_a_run_has_at_most_its_limit_of_steps_in_flight(limit: int | None, most: int) -> None:
    here, seen, lock = [0], [0], threading.Lock()

    def busy() -> None:
        with lock:
            here[0] += 1
            seen[0] = max(seen[0], here[0])
        time.sleep(0.005)
        with lock:
            here[0] -= 1

    flow = Workflow("busy", executor="threads", limit=limit)
    for n in range(9):
        flow.add_task(busy, name=f"t{n}")
    flow.run()
    assert seen[0] <= most


def test_an_executor_that_nobody_gave_is_named_before_the_run_starts() -> None:
    flow = Workflow("w", executor="gpu")
    flow.add_task(lambda: 1, name="x")
    with pytest.raises(DefinitionError, match="there is no executor 'gpu'; there are asyncio, inline"):
        flow.run()


# ── what a run shows ────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_finished_run_shows_its_steps_and_events() -> None:
    run = flow_of(lambda: 1, lambda: 2).start()
    run.result(SOON)
    assert (run.status, run.workflow, len(run.id)) == ("completed", "ends", 16)
    assert [(name, step.status, step.result) for name, step in run.steps.items()] == [
        ("x", "completed", 1),
        ("y", "completed", 2),
    ]
    assert kinds(run)[0] == "run_started"
    assert kinds(run)[-1] == "run_done"
    assert repr(run) == f"<Run {run.id} of ends: completed>"
    assert repr(run.steps["x"]) == "<step x: completed>"


def test_a_step_shows_its_attempts() -> None:
    calls: list[int] = []

    def flaky() -> None:
        calls.append(1)
        if len(calls) == 1:
            raise OSError("first")

    flow = Workflow("attempts")
    flow.add_task(flaky, retries=1)
    run = flow.start()
    run.result(SOON)
    assert [attempt.status for attempt in run.steps["flaky"].attempts] == ["failed", "completed"]


def test_a_failed_step_raises_its_own_failure() -> None:
    run = flow_of(broken).start()
    run.wait(SOON)
    step = run.steps["x"]
    assert (step.status, step.error is not None) == ("failed", True)
    with pytest.raises(RunFailed, match="ValueError: no") as caught:
        _ = step.result
    assert isinstance(caught.value.__cause__, ValueError)


def test_a_step_that_did_not_run_has_no_result() -> None:
    flow = flow_of(broken)
    flow.add_task(lambda x: x, name="after", depends_on=["x"])
    run = flow.start()
    run.wait(SOON)
    with pytest.raises(RunNotFound, match=r"step 'after' .* has no result: it is waiting"):
        _ = run.steps["after"].result


def test_a_step_that_is_not_there_is_named_with_the_nearest() -> None:
    run = flow_of(lambda: 1).start()
    run.wait(SOON)
    with pytest.raises(RunNotFound, match="has no step 'zzz'; it has x"):
        run.steps["zzz"]
    with pytest.raises(RunNotFound, match=r"has no step 'xx'; did you mean 'x'\?"):
        run.steps["xx"]


def test_waiting_for_a_result_may_take_too_long() -> None:
    release = threading.Event()
    run = flow_of(lambda: release.wait(SOON)).start()
    with pytest.raises(StepTimeout, match=r"is still running after 0.01 s"):
        run.result(0.01)
    release.set()
    assert run.result(SOON) is True


def test_tags_of_the_workflow_and_of_the_run_are_recorded() -> None:
    run = flow_of(lambda: 1, tags={"team": "x"}).using(tags={"day": "monday"}).start()
    run.result(SOON)
    started = run.events()[0][2]
    assert isinstance(started, e.RunStarted)
    assert started.tags == {"team": "x", "day": "monday"}


def test_resources_are_opened_once_and_given_by_name() -> None:
    opened: list[int] = []

    @resource
    def database() -> Any:
        opened.append(1)
        yield "db"

    flow = Workflow("resources", resources={"db": database})
    flow.add_task(lambda db: db + "1", name="x")
    flow.add_task(lambda x, db: x + db, name="y", depends_on=["x"])
    assert flow.run() == "db1db"
    assert opened == [1]
    assert flow.inputs == {}


def test_an_ephemeral_engine_keeps_its_last_thousand_runs() -> None:
    flow = flow_of(lambda n: n)
    runs = [flow.start(n=n) for n in range(1_002)]
    for run in runs:
        run.wait(SOON)
    engine = engine_at("ephemeral")
    with pytest.raises(RunNotFound, match="keeps its last 1,000 finished runs only"):
        engine.get(runs[0].id)
    assert engine.get(runs[-1].id).result() == 1_001
