"""What a running step knows of itself, and how its code is called."""

from __future__ import annotations

import asyncio
import functools
import logging
import pickle
import subprocess
import sys
import threading
from typing import Any

import pytest

import penstock
from penstock.context import Context, ainvoke, current, in_worker, invoke, is_async, stop_if_loading_main
from penstock.context import context as current_context
from penstock.context import resources as pool
from penstock.context.eager import begin
from penstock.context.references import find, place_of
from penstock.errors import DefinitionError, UserError, WorldError
from penstock.ports import Job, Outcome
from penstock.testing.executor_suite import steps


def job(fn: Any, *args: Any, context: Context | None = None, **kwargs: Any) -> Job:
    return Job("t", fn, args, kwargs, context)


# ── the context ─────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_key_names_run_step_and_item_and_no_attempt() -> None:
    assert Context("r", "w", "load").key == "r/load"
    assert Context("r", "w", "outer/load", 3, attempt=2).idempotency_key == "r/outer/load[3]"


def test_outside_a_step_the_remedy_is_said() -> None:
    assert current() is None
    with pytest.raises(UserError, match="call it inside a step's function"):
        current_context()


def test_the_package_s_name_is_also_the_function() -> None:
    assert invoke(job(lambda: penstock.context().key, context=Context("r", "w", "s"))).value == "r/s"
    package: Any = sys.modules["penstock.context"]
    assert invoke(job(lambda: package().key, context=Context("r", "w", "s"))).value == "r/s"


def test_a_context_can_be_cancelled() -> None:
    context = Context("r", "w", "s")
    assert not context.cancelled
    context.cancel()
    assert context.cancelled


def test_progress_without_a_driver_is_no_error() -> None:
    Context("r", "w", "s").progress(1, 2, "half")


def test_the_log_lets_info_pass() -> None:
    log = Context("r", "w", "s").log
    assert log.name == "penstock.step"
    assert log.isEnabledFor(logging.INFO)


def test_this_is_no_worker_and_loads_no_main_script() -> None:
    assert not in_worker()
    stop_if_loading_main()


def test_importing_it_imports_neither_asyncio_nor_logging_nor_msgspec() -> None:
    code = "import sys, penstock.context.capture\nprint([m for m in ('asyncio', 'logging', 'msgspec') if m in sys.modules])"
    assert (
        subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, timeout=300).stdout
        == b"[]\n"
    )


# ── calling a step ──────────────────────────────────────────────────────────────────────────────────────────────────


def test_steps_within_steps_see_each_their_own() -> None:
    inner = job(lambda: current_context().step, context=Context("r", "w", "inner"))

    def outer() -> tuple[str, str]:
        return invoke(inner).value, current_context().step

    assert invoke(job(outer, context=Context("r", "w", "outer"))).value == ("inner", "outer")
    assert current() is None


@pytest.mark.parametrize("error", [ValueError, SystemExit, asyncio.CancelledError, GeneratorExit])
def test_whatever_a_step_raises_is_its_failure(error: type[BaseException]) -> None:
    def fail() -> None:
        raise error("why")

    value, failure = invoke(job(fail))
    assert value is None
    assert failure is not None
    assert (type(failure.exception), failure.message) == (error, "why")
    assert "calls.py" not in failure.traceback


def test_ctrl_c_goes_through_and_leaves_no_context() -> None:
    def interrupted() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        invoke(job(interrupted, context=Context("r", "w", "s")))
    assert current() is None


async def test_an_async_step_sees_its_context_and_leaves_none() -> None:
    context = Context("r", "w", "s")
    assert await asyncio.create_task(ainvoke(job(steps.aknown, context=context))) == Outcome(
        ("r", "w", "s", None, 1, "r/s", None, False), None
    )
    assert current() is None


async def test_cancelling_an_async_step_from_outside_goes_through() -> None:
    task = asyncio.create_task(ainvoke(job(asyncio.sleep, 60)))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_coroutine_begun_at_once_may_raise_at_once() -> None:
    async def fail() -> None:
        raise ValueError("at once")

    with pytest.raises(ValueError, match="at once"):
        begin(fail(), asyncio.get_running_loop())
    assert asyncio.current_task() is not None


# ── functions ───────────────────────────────────────────────────────────────────────────────────────────────────────


class AsyncCallable:
    async def __call__(self) -> None: ...

    async def method(self) -> None: ...


@pytest.mark.parametrize(
    ("fn", "expected"),
    [
        (steps.adouble, True),
        (functools.partial(steps.adouble, 1), True),
        (AsyncCallable(), True),
        (AsyncCallable().method, True),
        (steps.double, False),
        (functools.partial(steps.double, 1), False),
        (AsyncCallable, False),
        (print, False),
    ],
    ids=["function", "partial", "object", "method", "plain", "plain partial", "class", "built-in"],
)
def test_async_functions_are_told_from_others(fn: Any, expected: bool) -> None:
    assert is_async(fn) is expected


def test_a_function_is_found_by_its_place() -> None:
    assert find(*place_of(steps.double)) is steps.double


def test_a_lambda_has_no_place() -> None:
    with pytest.raises(DefinitionError, match="is a lambda: another process cannot find it"):
        place_of(lambda: 1)


# ── resources ───────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_resource_travels_by_name() -> None:
    assert pickle.loads(pickle.dumps(steps.folder_of_marks)) is steps.folder_of_marks


def test_threads_that_want_a_resource_at_once_open_it_once() -> None:
    together = threading.Barrier(8)
    opened: list[int] = []

    def opener() -> threading.Barrier:
        opened.append(1)
        return together

    slow = pool.Resource(opener)
    values: list[Any] = []

    def want() -> None:
        together.wait(60)
        values.append(slow.get())

    threads = [threading.Thread(target=want) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert (opened, set(values)) == ([1], {together})
    pool.close_all()


def test_resources_are_closed_newest_first_and_a_fault_stops_nothing(
    caplog: pytest.LogCaptureFixture,
) -> None:
    closed = []

    def opening(name: str, fault: bool = False) -> pool.Resource:
        def opener() -> Any:
            yield name
            closed.append(name)
            if fault:
                raise OSError("on closing")

        return pool.Resource(opener)

    for made in (opening("first"), opening("second", fault=True), opening("third")):
        made.get()
    pool.close_all()
    assert closed == ["third", "second", "first"]
    assert "resource 'opener' did not close" in caplog.text


def test_a_resource_that_failed_is_tried_again() -> None:
    answers = iter([ConnectionError("not yet"), "open"])

    def opener() -> Any:
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    resource = pool.Resource(opener)
    with pytest.raises(WorldError, match="'opener' could not be opened: ConnectionError: not yet") as caught:
        resource.get()
    assert isinstance(caught.value.__cause__, ConnectionError)
    assert resource.get() == "open"
    pool.close_all()


def test_a_resource_given_in_the_call_is_not_opened() -> None:
    assert pool.with_resources(steps.same, {"other": steps.broken})(1, other=2) == (1, 2)


def test_what_is_no_resource_is_refused() -> None:
    with pytest.raises(DefinitionError, match=r"other=3 is no resource: decorate"):
        pool.with_resources(steps.same, {"other": 3})  # type: ignore[dict-item]
