"""The asyncio executor keeps the port's promises, on a loop of its own and on the caller's."""

from __future__ import annotations

import asyncio
import contextvars
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from penstock.context import current, resource, with_resources
from penstock.executors import aio
from penstock.executors.aio import AioExecutor
from penstock.ports import Executor, Job, Outcome
from penstock.testing.executor_suite import Desk, ExecutorSuite, steps, wait_for


class TestAioExecutor(ExecutorSuite):
    asynchronous = True

    def make_executor(self, slots: int) -> Executor:
        return AioExecutor(slots)


class TestPlainFunctionsOnAioExecutor(ExecutorSuite):
    """They run in threads."""

    def make_executor(self, slots: int) -> Executor:
        return AioExecutor(slots)


@pytest.fixture
def executor() -> Iterator[AioExecutor]:
    executor = AioExecutor()
    yield executor
    executor.close(wait=False)


# ── what asyncio promises inside a step ─────────────────────────────────────────────────────────────────────────────


async def timed_out() -> str:
    try:
        async with asyncio.timeout(0.01):
            await asyncio.sleep(60)
    except TimeoutError:
        return "timed out"
    return "not"


async def child_fails() -> str:
    async def child() -> None:
        raise ValueError("child")

    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(child())
            await asyncio.sleep(60)
    except ExceptionGroup as errors:
        return repr(errors.exceptions)
    return "not"


async def cancels_itself() -> str:
    task = asyncio.current_task()
    assert task is not None
    task.cancel()
    try:
        await asyncio.sleep(60)
    except asyncio.CancelledError:
        return f"cancelled {task.cancelling()}, {task.uncancel()}"
    return "not"


async def cancels_what_it_waits_for() -> str:
    """A cancellation before the first turn reaches the awaited task, as it does for a Task."""
    task = asyncio.current_task()
    assert task is not None
    child = asyncio.ensure_future(asyncio.sleep(60))
    task.cancel()
    try:
        await child
    except asyncio.CancelledError:
        return f"child cancelled: {child.cancelled()}"
    return "not"


async def is_one_task() -> str:
    before = asyncio.current_task()
    assert isinstance(before, asyncio.Task)
    await asyncio.sleep(0)
    assert asyncio.current_task() is before
    assert before in asyncio.all_tasks()
    assert not before.done()
    assert before.get_loop() is asyncio.get_running_loop()
    return "one"


async def asks_for_its_task_only() -> str:
    """The stand-in becomes a Task though the step never suspends."""
    ended: list[object] = []
    task = asyncio.current_task()
    assert task is not None
    task.add_done_callback(ended.append)
    assert task.get_name()
    return "asked"


async def keeps_variables() -> str:
    _variable.set("mine")
    await asyncio.sleep(0)
    return _variable.get()


async def waits_for_a_future() -> str:
    event = asyncio.Event()
    asyncio.get_running_loop().call_soon(event.set)
    await event.wait()
    return await asyncio.wait_for(asyncio.sleep(0, "waited"), 5)


async def gathers() -> str:
    return "".join(await asyncio.gather(*(asyncio.sleep(0, letter) for letter in "abc")))


_variable = contextvars.ContextVar("variable", default="nobody's")

PROMISES = [
    (timed_out, "timed out"),
    (child_fails, "(ValueError('child'),)"),
    (cancels_itself, "cancelled 1, 0"),
    (cancels_what_it_waits_for, "child cancelled: True"),
    (is_one_task, "one"),
    (asks_for_its_task_only, "asked"),
    (keeps_variables, "mine"),
    (waits_for_a_future, "waited"),
    (gathers, "abc"),
]


@pytest.mark.parametrize(("step", "expected"), PROMISES, ids=lambda it: getattr(it, "__name__", ""))
def test_a_step_is_a_task_to_asyncio(executor: AioExecutor, step: Callable[[], Any], expected: str) -> None:
    assert Desk(executor).run(step) == Outcome(expected, None)


@pytest.mark.parametrize(("step", "expected"), PROMISES, ids=lambda it: getattr(it, "__name__", ""))
async def test_it_is_on_a_given_loop_too(step: Callable[[], Any], expected: str) -> None:
    executor = AioExecutor(loop=asyncio.get_running_loop())
    desk = Desk(executor)
    me = asyncio.current_task()
    desk.submit("t", step)
    assert asyncio.current_task() is me
    assert current() is None
    await executor.aclose()
    assert desk.ended == [("t", Outcome(expected, None))]
    assert me is not None
    assert me.cancelling() == 0


@pytest.mark.parametrize("error", [asyncio.CancelledError, KeyboardInterrupt, GeneratorExit])
@pytest.mark.parametrize("turns", [0, 1])
def test_whatever_a_step_raises_is_its_failure(
    executor: AioExecutor, error: type[BaseException], turns: int
) -> None:
    async def raises() -> None:
        for _ in range(turns):
            await asyncio.sleep(0)
        raise error

    failure = Desk(executor).run(raises).failure
    assert failure is not None
    assert failure.type.endswith(error.__name__)
    assert Desk(executor).run(steps.adouble, 2).value == 4


# ── stopping, closing ───────────────────────────────────────────────────────────────────────────────────────────────


def test_a_step_that_ends_when_it_is_cancelled_was_stopped(
    executor: AioExecutor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(aio, "STOP_SECONDS", 60.0)
    Desk(executor).submit("t", steps.ahold, str(tmp_path), "it")
    wait_for((tmp_path / "it.began").exists)
    assert executor.stop("t") is True


def test_a_step_that_will_not_end_is_left_behind(executor: AioExecutor, tmp_path: Path) -> None:
    async def stubborn() -> None:
        (tmp_path / "began").touch()
        while not (tmp_path / "go").exists():
            try:
                await asyncio.sleep(0.001)
            except asyncio.CancelledError:
                (tmp_path / "asked").touch()

    Desk(executor).submit("t", stubborn)
    wait_for((tmp_path / "began").exists)
    assert executor.stop("t") is False
    wait_for((tmp_path / "asked").exists)
    (tmp_path / "go").touch()


async def test_on_a_given_loop_a_step_that_does_not_suspend_has_ended_when_submit_returns() -> None:
    executor = AioExecutor(loop=asyncio.get_running_loop())
    desk = Desk(executor)
    desk.submit("t", steps.asame, 1)
    assert desk.ended == [("t", Outcome((1, None), None))]
    await executor.aclose()


async def test_a_chain_of_steps_on_a_given_loop_needs_no_stack() -> None:
    executor = AioExecutor(loop=asyncio.get_running_loop())
    done: list[int] = []

    def next_one(token: int, outcome: Outcome) -> None:
        done.append(token)
        if token < 5_000:
            executor.submit(Job(token + 1, steps.asame, (1,), {}, None), next_one)

    executor.submit(Job(1, steps.asame, (1,), {}, None), next_one)
    await executor.aclose()
    assert done == list(range(1, 5_001))


async def test_a_step_stopped_on_a_given_loop_is_cancelled_and_heard_of_no_more(tmp_path: Path) -> None:
    executor = AioExecutor(loop=asyncio.get_running_loop())
    desk = Desk(executor)
    desk.submit("t", steps.ahold, str(tmp_path), "it")
    assert executor.stop("t") is False
    await executor.aclose()
    assert desk.ended == []
    assert not (tmp_path / "it.ended").exists()


async def test_closing_a_given_loop_s_executor_waits_for_threads_too() -> None:
    executor = AioExecutor(loop=asyncio.get_running_loop())
    desk = Desk(executor)
    desk.submit("t", steps.double, 2)
    await executor.aclose()
    assert desk.ended == [("t", Outcome(4, None))]


# ── async resources ─────────────────────────────────────────────────────────────────────────────────────────────────

opened: list[str] = []


@resource
async def line() -> AsyncIterator[str]:
    await asyncio.sleep(0)
    opened.append("opened")
    yield threading.current_thread().name
    opened.append("closed")


async def speaks(*, line: str) -> str:
    return line


def test_an_async_resource_lives_on_the_loop() -> None:
    opened.clear()
    executor = AioExecutor()
    desk = Desk(executor)
    for number in range(5):
        desk.submit(number, with_resources(speaks, {"line": line}))
    assert {outcome.value for _, outcome in desk.wait(5)} == {"penstock-asyncio"}
    executor.close()
    assert opened == ["opened", "closed"]


def test_a_plain_step_cannot_have_an_async_resource(executor: AioExecutor) -> None:
    failure = Desk(executor).run(with_resources(steps.use, {"write": line}), "x").failure
    assert failure is not None
    assert "'line' is async" in failure.message
