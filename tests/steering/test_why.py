"""Why a run does not go on: every cause, staged for real."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from penstock import Limit, Workflow, task
from penstock.app import Engine, Run, open_engine
from penstock.app.causes import Cause
from penstock.app.inquiring import why
from penstock.app.queues import Queues
from penstock.app.worker import Worker
from penstock.errors import RunNotFound
from penstock.functions import workflow
from penstock.model import events as e
from penstock.model.changes import Change, Put
from tests.app.worlds import until

gates: dict[str, threading.Event] = {}


@pytest.fixture(autouse=True)
def _gates() -> Iterator[None]:
    gates.clear()
    yield
    for each in gates.values():
        each.set()


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    with open_engine(f"sqlite:///{tmp_path}/runs.db", durability="crash", lease_seconds=2.0) as made:
        yield made
        for each in gates.values():
            each.set()


def hold(name: str) -> str:
    gates.setdefault(name, threading.Event()).wait(120)
    return name


def let(name: str) -> None:
    gates.setdefault(name, threading.Event()).set()


@task
def first() -> str:
    return hold("first")


@task
def second(first: str) -> str:
    return hold("second")


@task
def beside() -> str:
    return hold("beside")


def chain(**how: Any) -> Workflow:
    flow = Workflow("chain", **how)
    flow.add_task(first)
    flow.add_task(second, depends_on=["first"])
    return flow


def one() -> Workflow:
    flow = Workflow("one")
    flow.add_task(first)
    return flow


def log(run: Run[Any]) -> list[e.Event]:
    """Nothing as long as its first event is on its way."""
    try:
        return [event for _, _, event in run.events()]
    except RunNotFound:
        return []


def started(run: Run[Any], step: str) -> None:
    until(lambda: any(isinstance(event, e.StepStarted) and event.step == step for event in log(run)))


def causes(engine: Engine, run: Run[Any], step: str | None, definition: Any) -> dict[str, Cause]:
    return {cause.kind: cause for cause in why(engine, run.id, step, definition)}


def last(engine: Engine, run: Run[Any], step: str, definition: Any) -> Cause:
    return why(engine, run.id, step, definition)[-1]


# ── steps ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_upstream_is_not_done(engine: Engine) -> None:
    run = engine.start(flow := chain(), {})
    started(run, "first")
    told = last(engine, run, "second", flow)
    assert (told.kind, told.steps, told.text) == (
        "upstream_not_done",
        ["first"],
        "second waits for first (running)",
    )
    assert last(engine, run, "first", flow).kind == "running"


def test_upstream_has_failed_while_another_branch_goes_on(engine: Engine) -> None:
    def broken() -> None:
        raise OSError("no such city")

    def after(broken: None) -> None: ...

    flow = Workflow("half", fail_fast=False, executor="threads")
    flow.add_task(broken)
    flow.add_task(beside)
    flow.add_task(after, depends_on=["broken"])
    run = engine.start(flow, {})
    until(lambda: any(isinstance(event, e.StepFailed) for event in log(run)))
    told = last(engine, run, "after", flow)
    assert (told.kind, told.steps) == ("upstream_failed", ["broken"])
    let("beside")
    run.wait(20)
    over = why(engine, run.id, None, flow)
    assert [cause.kind for cause in over] == ["finished"]
    assert "no such city" in over[0].text
    assert last(engine, run, "after", flow).kind == "not_reached"


def test_the_executor_is_full(engine: Engine) -> None:
    flow = Workflow("full", executor="threads:1")
    flow.add_task(first)
    flow.add_task(beside)
    run = engine.start(flow, {})
    started(run, "first")
    told = last(engine, run, "beside", flow)
    assert (told.kind, told.steps) == ("executor_full", ["first"])
    assert told.text == "beside is ready; executor threads:1 is busy with first"


def test_the_run_has_as_many_steps_under_way_as_it_may(engine: Engine) -> None:
    flow = Workflow("narrow", executor="threads", limit=1)
    flow.add_task(first)
    flow.add_task(beside)
    run = engine.start(flow, {})
    started(run, "first")
    told = last(engine, run, "beside", flow)
    assert (told.kind, told.steps) == ("run_limit", ["first"])


def test_the_run_is_paused_and_why(engine: Engine) -> None:
    run = engine.start(flow := chain(), {})
    started(run, "first")
    run.pause("lunch")
    let("first")
    until(lambda: any(isinstance(event, e.StepDone) for event in log(run)))
    found = causes(engine, run, "second", flow)
    assert found["paused"].text == f"the run is paused (lunch): penstock resume {run.id[:8]}"
    run.resume()


def test_a_timer_and_until_when(engine: Engine) -> None:
    flow = Workflow("sleepy")
    flow.add_sleep("nap", seconds=1000)
    run = engine.start(flow, {})
    until(lambda: bool(log(run)))
    told = last(engine, run, "nap", flow)
    assert told.kind == "timer"
    assert told.until == pytest.approx(time.time() + 1000, abs=30)


def test_a_signal_and_an_approval(engine: Engine) -> None:
    flow = Workflow("asking")
    flow.add_signal("word", timeout=5000)
    flow.add_approval("release")
    run = engine.start(flow, {})
    until(lambda: bool(log(run)))
    signal, approval = last(engine, run, "word", flow), last(engine, run, "release", flow)
    assert (signal.kind, approval.kind) == ("signal", "approval")
    assert signal.until == pytest.approx(time.time() + 5000, abs=30)
    assert approval.text == f"release waits until somebody approves: penstock approve {run.id[:8]} release"
    assert {"signal", "approval"} <= causes(engine, run, None, flow).keys()


def test_a_back_off_says_until_when_and_which_attempt(engine: Engine) -> None:
    @task(retries=2, retry_delay=900)
    def flaky() -> None:
        raise OSError("no line")

    flow = Workflow("flaky")
    flow.add_task(flaky)
    run = engine.start(flow, {})
    until(lambda: any(isinstance(event, e.StepFailed) for event in log(run)))
    told = last(engine, run, "flaky", flow)
    assert told.kind == "retry"
    assert told.until == pytest.approx(time.time() + 900, rel=0.5)
    assert "for the second time, after it failed: " in told.text
    assert "no line" in told.text


def limited(name: str, limit: Limit) -> Workflow:
    @task(limit=limit)
    def call() -> str:
        return hold(name)

    flow = Workflow(name, executor="threads")
    flow.add_task(call)
    return flow


def test_a_limit_is_reached_and_by_whom(engine: Engine) -> None:
    bound = Limit("api", at_most=1)
    holder, waiter = limited("holder", bound), limited("waiter", bound)
    holding = engine.start(holder, {})
    started(holding, "call")
    run = engine.start(waiter, {})
    until(lambda: bool(log(run)) and last(engine, run, "call", waiter).kind == "limit")
    told = last(engine, run, "call", waiter)
    assert told.steps == [f"call of {holding.id[:8]}"]
    assert "limit api (1 at once) is reached by" in told.text


def test_a_rate_says_when_the_next_may_start(engine: Engine) -> None:
    slow = Limit("mail", rate="1/h")
    sender, waiter = limited("sender", slow), limited("waiting", slow)
    let("sender")
    assert engine.start(sender, {}).result(20) == "sender"
    run = engine.start(waiter, {})
    until(lambda: bool(log(run)) and last(engine, run, "call", waiter).kind == "rate")
    told = last(engine, run, "call", waiter)
    assert told.until == pytest.approx(time.time() + 3600, abs=60)


def test_a_step_that_is_a_run_of_its_own_names_it(engine: Engine) -> None:
    flow = Workflow("parent")
    flow.add_workflow(one(), own_run=True)
    run = engine.start(flow, {})
    until(lambda: any(isinstance(event, e.Noted) for event in log(run)))
    told = last(engine, run, "one", flow)
    (child,) = told.runs
    assert (told.kind, engine.get(child).workflow) == ("child", "one")
    let("first")
    assert run.result(20) == "first"


# ── runs ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_living_process_drives_it(engine: Engine) -> None:
    run = engine.start(flow := chain(), {})
    started(run, "first")
    told = causes(engine, run, None, flow)["driven"]
    assert told.text.startswith("process ")
    assert told.until is not None
    assert told.until > time.time() - 1


def test_a_dead_process_had_it_and_who_takes_it_over_when(engine: Engine) -> None:
    run = engine.submit(flow := one(), {})
    store = engine.durable_store()
    gone = _dead_owner()
    put = Put(
        "runs", run.id, {"state": "leased", "owner": gone, "epoch": 1, "due_in": 60.0, "status": "running"}
    )
    store.commit([Change(run=run.id, puts=[put])])
    told = causes(engine, run, None, flow)["driver_gone"]
    assert "is gone; no worker is there to take it over" in told.text
    assert told.until == pytest.approx(time.time() + 60, abs=10)
    with Working(engine, ["other"]):
        assert "no worker is there" in causes(engine, run, None, flow)["driver_gone"].text
    with Working(engine, None):
        assert (
            "a worker takes it over, at the latest at" in causes(engine, run, None, flow)["driver_gone"].text
        )


def test_a_process_that_gave_no_sign_of_life_lost_it(engine: Engine) -> None:
    run = engine.submit(flow := one(), {})
    lapsed = {
        "state": "leased",
        "owner": "elsewhere.7.1.abc",
        "epoch": 1,
        "due_in": -5.0,
        "status": "running",
    }
    engine.durable_store().commit([Change(run=run.id, puts=[Put("runs", run.id, lapsed)])])
    assert (
        "process 7, which drove the run, has given no sign of life"
        in causes(engine, run, None, flow)["driver_gone"].text
    )


def test_a_queue_its_place_and_that_no_worker_is_there(engine: Engine) -> None:
    runs = [engine.submit(flow := one(), {}, queue="night") for _ in range(3)]
    found = causes(engine, runs[2], "first", flow)
    assert found["no_worker"].text == "no worker takes runs of queue night: penstock worker"
    assert found["in_queue"].runs == [runs[0].id, runs[1].id]
    assert found["in_queue"].text == "it waits in queue night, at place 3"
    assert "first in line" in causes(engine, runs[0], None, flow)["in_queue"].text


def test_others_of_higher_priority_go_first(engine: Engine) -> None:
    run = engine.submit(flow := one(), {})
    quick = engine.submit(flow, {}, priority=5)
    found = causes(engine, run, None, flow)
    assert found["priority"].runs == [quick.id]
    assert "1 run of higher priority, submitted later, goes first" in found["priority"].text
    assert "priority" not in causes(engine, quick, None, flow)


def test_the_queue_is_paused_or_bounded_and_by_whom(engine: Engine) -> None:
    flow = one()
    Queues(engine).bound("night", 1)
    holder = engine.submit(flow, {}, queue="night")
    run = engine.submit(flow, {}, queue="night")
    worker = Worker(engine, [flow], queues=["night"])
    thread = threading.Thread(target=worker.serve, kwargs={"until_idle": True}, daemon=True)
    thread.start()
    started(holder, "first")
    found = causes(engine, run, None, flow)
    assert found["queue_bound"].runs == [holder.id]
    Queues(engine).pause("night")
    assert "queue night is paused" in causes(engine, run, None, flow)["queue_paused"].text
    worker.stop()
    let("first")
    thread.join(20)


def test_a_delay_says_until_when(engine: Engine) -> None:
    run = engine.submit(flow := one(), {}, delay=500)
    told = causes(engine, run, None, flow)["delayed"]
    assert told.until == pytest.approx(time.time() + 500, abs=30)


def test_no_worker_has_its_code(engine: Engine) -> None:
    run = engine.submit(flow := one(), {})  # made in a function: no worker finds it where it was
    worker = Worker(engine)
    worker.serve(until_idle=True)
    assert list(worker.refused) == [run.id]
    with Working(engine, None, refused={run.id: worker.refused[run.id][1]}):
        found = causes(engine, run, None, flow)
    assert "no worker has its code; " in found["no_code"].text


def test_workers_that_have_as_many_as_they_take(engine: Engine) -> None:
    run = engine.submit(flow := one(), {})
    with Working(engine, None, driven=4, slots=4):
        assert "no_slot" in causes(engine, run, None, flow)


def test_nobody_drives_a_run_that_was_left(engine: Engine) -> None:
    run = engine.run(flow := chain_of_nothing(), {})
    forked = engine.fork(run, "nothing", definition=flow, queue="later")
    row = Put("runs", forked.id, {"state": "idle", "queue": "later"})
    engine.durable_store().commit([Change(run=forked.id, puts=[row])])
    assert why(engine, forked.id, None, flow)[0].kind == "nobody"


def chain_of_nothing() -> Workflow:
    flow = Workflow("nothing")
    flow.add_task(lambda: None, name="nothing")
    return flow


def test_a_function_says_what_it_waits_for_and_without_code_the_events_tell(engine: Engine) -> None:
    from penstock.functions import sleep

    @workflow
    async def napping() -> None:
        await sleep(3000)

    run = engine.start(napping, {})
    until(lambda: bool(log(run)))
    assert last(engine, run, "sleep", napping).kind == "timer"
    assert [cause.kind for cause in why(engine, run.id)] == ["driven"]
    with pytest.raises(RunNotFound, match="no step 'slep'; did you mean 'sleep'"):
        why(engine, run.id, "slep", napping)
    run.cancel()
    run.wait(20)


def _dead_owner() -> str:
    """The name of an engine whose process has ended."""
    import subprocess
    import sys

    said = "from penstock.app.owners import new_owner; print(new_owner())"
    return subprocess.run(
        [sys.executable, "-c", said], capture_output=True, text=True, check=True
    ).stdout.strip()


class Working:
    """A worker that has said of itself that it lives."""

    def __init__(self, engine: Engine, queues: list[str] | None, **said: Any) -> None:
        self._queues = Queues(engine)
        self._said = {
            "pid": 1, "host": "here", "queues": queues, "slots": 10, "driven": 0, "ended": 0, "refused": {}, **said,
        }  # fmt: skip

    def __enter__(self) -> None:
        self._queues.report(self._said)

    def __exit__(self, *_: object) -> None:
        self._queues.leave()
