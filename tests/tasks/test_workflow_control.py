"""Steering runs from outside: starting, waiting, pausing, cancelling, signalling; on threads and on event loops."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

import penstock
from penstock.app import engine_at
from penstock.errors import CommandRefused, DefinitionError, RunCancelled, RunFailed, RunNotFound, StepTimeout
from penstock.model import events as e
from penstock.model.program import Do, End, Plan, Sleep, Wait
from penstock.tasks import Workflow

SOON = 60.0


def until(true: Callable[[], bool]) -> None:
    """Wait for something that will come soon."""
    end = time.monotonic() + SOON
    while not true():
        assert time.monotonic() < end
        time.sleep(0.002)


class Gate:
    """A task that says that it runs, and ends when it is let go."""

    def __init__(self) -> None:
        self.running, self.release = threading.Event(), threading.Event()

    def __call__(self) -> str:
        self.running.set()
        while not self.release.wait(0.005):
            if penstock.context().cancelled:
                raise penstock.Cancelled
        return "released"


def gated(*more: str, **options: Any) -> tuple[Workflow, Gate]:
    """A workflow whose first task waits at a gate; more follow it."""
    flow, gate = Workflow("gated", **options), Gate()
    flow.add_task(gate, name="gate")
    for before, name in zip(["gate", *more], more, strict=False):
        flow.add_task(lambda name=name: name, name=name, depends_on=[before])
    return flow, gate


# ── starting ────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_run_started_in_the_background_does_not_hold_up_its_caller() -> None:
    flow, gate = gated()
    run = flow.start()
    assert gate.running.wait(SOON)
    assert run.status == "running"
    gate.release.set()
    assert run.result(SOON) == "released"


def test_many_runs_may_be_in_flight() -> None:
    flow = Workflow("many")
    flow.add_task(lambda n: n, name="it")
    runs = [flow.start(n=n) for n in range(200)]
    assert [run.result(SOON) for run in runs] == list(range(200))


def test_the_same_key_is_the_same_run() -> None:
    ran: list[int] = []
    flow = Workflow("keyed")
    flow.add_task(lambda: ran.append(1), name="it")
    first = flow.using(key="monday").start()
    first.wait(SOON)
    assert flow.using(key="monday").start().id == first.id
    flow.using(key="monday").run()
    assert flow.using(key="tuesday").start().id != first.id
    assert len(ran) >= 1


def test_a_keyed_run_that_is_under_way_is_waited_for() -> None:
    flow, gate = gated()
    flow.using(key="k").start()
    assert gate.running.wait(SOON)
    threading.Timer(0.02, gate.release.set).start()
    assert flow.using(key="k").run() == "released"


def test_a_step_may_run_a_workflow_itself() -> None:
    inner = Workflow("inner")
    inner.add_task(lambda: 41, name="it")
    outer = Workflow("outer")
    outer.add_task(lambda: inner.run() + 1, name="it")
    assert outer.run() == 42
    assert outer.start().result(SOON) == 42


def test_a_step_may_start_a_workflow_and_wait_for_it() -> None:
    inner = Workflow("inner")
    inner.add_task(lambda: 41, name="it")
    outer = Workflow("outer")
    outer.add_task(lambda: inner.start().result(SOON) + 1, name="it")
    assert outer.run() == 42
    assert outer.start().result(SOON) == 42


def test_runs_of_several_threads_do_not_mix() -> None:
    flow = Workflow("threads")
    flow.add_task(lambda n: threading.get_ident(), name="it")
    found: dict[int, int] = {}

    def one(n: int) -> None:
        found[threading.get_ident()] = flow.run(n=n)

    threads = [threading.Thread(target=one, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(SOON)
    assert all(ran == caller for ran, caller in found.items())


# ── pausing ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_paused_run_ends_what_runs_and_goes_on_when_it_is_resumed() -> None:
    flow, gate = gated("next", executor="threads")
    run = flow.start()
    assert gate.running.wait(SOON)
    run.pause("lunch")
    until(lambda: run.status == "paused")
    gate.release.set()
    until(lambda: any(event == e.Noted("quiet") for _, _, event in run.events()))
    assert run.steps["next"].status == "ready"
    run.resume()
    assert run.result(SOON) == "next"


def test_a_run_may_be_paused_before_it_has_begun() -> None:
    busy, gate = gated()
    before = busy.start()
    assert gate.running.wait(SOON)
    flow, open_gate = gated()
    open_gate.release.set()
    run = flow.start()
    assert run.status == "pending"
    run.pause()
    gate.release.set()
    before.result(SOON)
    until(lambda: run.status == "paused")
    assert not open_gate.running.is_set()
    assert run.resume().result(SOON) == "released"


def test_commands_that_mean_nothing_are_refused_with_the_reason() -> None:
    flow = Workflow("done")
    flow.add_task(lambda: 1, name="it")
    run = flow.start()
    run.wait(SOON)
    for command in (run.pause, run.cancel, lambda: run.signal("x")):
        with pytest.raises((CommandRefused, RunNotFound)):
            command()


# ── cancelling ──────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("executor", [None, "threads"])
def test_a_cancelled_run_tells_its_steps_and_ends(executor: str | None) -> None:
    flow, gate = gated("next", executor=executor)
    run = flow.start()
    assert gate.running.wait(SOON)
    run.cancel("enough")
    with pytest.raises(RunCancelled, match="was cancelled: enough"):
        run.result(SOON)
    assert run.status == "cancelled"


def test_a_run_driven_by_a_thread_is_cancelled_from_another() -> None:
    flow, gate = gated()

    def cancel() -> None:
        gate.running.wait(SOON)
        engine = engine_at("ephemeral")
        (held,) = engine.holdings.all()
        engine.command(held.state.id, "cancel", "from elsewhere")

    other = threading.Thread(target=cancel)
    other.start()
    with pytest.raises(RunCancelled, match="from elsewhere"):
        flow.run()
    other.join(SOON)


def test_the_hook_of_a_cancel_is_called_with_the_reason() -> None:
    seen: list[Any] = []
    flow, gate = gated(on_cancel=seen.append)
    run = flow.start()
    assert gate.running.wait(SOON)
    run.cancel("enough")
    assert run.wait(SOON) == "cancelled"
    assert seen == ["enough"]


# ── signals ─────────────────────────────────────────────────────────────────────────────────────────────────────────


class Asking(Plan):
    """A definition that waits for an answer and ends with it."""

    name = "asking"

    def as_program(self) -> Asking:
        return self

    def play(self, input: Any) -> Any:
        return self

    def begin(self, at: float) -> list[Any]:
        return [Wait("answer", "approve")]

    def done(self, key: str, value: Any, at: float) -> list[Any]:
        return [End(value)]


def test_a_signal_reaches_a_run_that_waits_for_it() -> None:
    run = engine_at().start(Asking())
    run.signal("approve", {"by": "me"})
    assert run.result(SOON) == {"by": "me"}


def test_a_sleeping_run_wakes_by_itself() -> None:
    class Napping(Asking):
        def begin(self, at: float) -> list[Any]:
            return [Sleep("nap", 0.01)]

    assert engine_at().run(Napping()).result() is None


# ── event loops ─────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_async_tasks_run_on_the_running_loop_and_sync_ones_in_threads() -> None:
    loop = asyncio.get_running_loop()
    flow = Workflow("loops")

    async def here() -> bool:
        await asyncio.sleep(0)
        return asyncio.get_running_loop() is loop

    flow.add_task(here)
    flow.add_task(lambda here: (here, threading.get_ident()), name="elsewhere", depends_on=["here"])
    on_loop, thread = await flow.run_async()
    assert on_loop
    assert thread != threading.get_ident()


async def test_runs_on_a_loop_run_side_by_side() -> None:
    barrier = asyncio.Event()
    flow = Workflow("side by side")

    async def first() -> str:
        await asyncio.wait_for(barrier.wait(), SOON)
        return "first"

    async def second() -> str:
        barrier.set()
        return "second"

    flow.add_task(first)
    flow.add_task(second)
    assert await flow.run_async() == {"first": "first", "second": "second"}


async def test_a_run_on_a_loop_is_cancelled_while_its_task_awaits() -> None:
    began = asyncio.Event()
    flow = Workflow("waiting")

    async def forever() -> None:
        began.set()
        await asyncio.sleep(3_600)

    flow.add_task(forever)
    run = await flow.start_async()
    await asyncio.wait_for(began.wait(), SOON)
    await run.cancel_async("enough")
    with pytest.raises(RunCancelled, match="enough"):
        await run.result_async(SOON)


async def test_a_run_on_a_loop_is_paused_and_resumed() -> None:
    began, release = asyncio.Event(), asyncio.Event()
    flow = Workflow("pausing")

    async def first() -> int:
        began.set()
        await release.wait()
        return 1

    flow.add_task(first)
    flow.add_task(lambda first: first + 1, name="second", depends_on=["first"])
    run = await flow.start_async()
    await began.wait()
    await run.pause_async()
    release.set()
    while run.status != "paused":
        await asyncio.sleep(0.002)
    await run.resume_async()
    assert await run.result_async(SOON) == 2


async def test_a_run_on_a_loop_is_sent_a_signal() -> None:
    run = await engine_at().start_async(Asking())
    await run.signal_async("approve", 42)
    assert await run.result_async(SOON) == 42


async def test_waiting_on_a_loop_may_take_too_long() -> None:
    flow = Workflow("slow")
    flow.add_task(lambda: None, name="x")
    flow.add_task(asyncio.sleep, name="nap", values={"delay": 3_600})
    run = await flow.start_async()
    with pytest.raises(StepTimeout, match=r"still running after 0.02 s"):
        await run.result_async(0.02)
    run.cancel()
    assert await run.wait_async(SOON) == "cancelled"


async def test_an_async_task_times_out() -> None:
    flow = Workflow("slow")
    flow.add_task(asyncio.sleep, name="nap", values={"delay": 3_600}, timeout=0.02)
    with pytest.raises(RunFailed, match=r"nap took longer than 0.02 s"):
        await flow.run_async()


async def test_a_workflow_may_be_run_where_a_loop_already_runs() -> None:
    flow = Workflow("notebook")

    async def one() -> int:
        await asyncio.sleep(0)
        return 1

    flow.add_task(one)
    assert flow.run() == 1


def test_async_tasks_run_without_a_loop_too() -> None:
    flow = Workflow("plain")

    async def one() -> int:
        await asyncio.sleep(0)
        return 1

    flow.add_task(one)
    assert flow.run() == 1


def test_an_async_task_cannot_run_in_threads() -> None:
    flow = Workflow("w", executor="threads")

    async def one() -> int:
        return 1

    flow.add_task(one)
    with pytest.raises(DefinitionError, match="is async, which executor='threads' cannot run"):
        flow.run()


def test_a_definition_of_one_s_own_runs_like_any_other() -> None:
    class Own(Asking):
        def begin(self, at: float) -> list[Any]:
            return [Do("x", lambda: 5)]

    assert engine_at().run(Own()).result() == 5
