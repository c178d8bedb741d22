"""The process executor keeps the port's promises, and those that only it can make."""

from __future__ import annotations

import functools
import os
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil  # type: ignore[import-untyped]
import pytest

from penstock.context import Context, capture
from penstock.errors import CodecError, DefinitionError, WorkerLost
from penstock.executors.processes import ProcessExecutor, dispatcher
from penstock.ports import Executor, Job
from penstock.testing.executor_suite import Desk, ExecutorSuite, steps, wait_for
from tests.executors import steps_for_processes as own


class TestProcessExecutor(ExecutorSuite):
    kills = True
    keeps_exceptions = False

    @pytest.fixture(autouse=True)
    def _idle_workers_have_time_to_end(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(dispatcher, "GRACE_SECONDS", 60.0)

    def make_executor(self, slots: int) -> Executor:
        return ProcessExecutor(slots)


@pytest.fixture
def executor() -> Iterator[ProcessExecutor]:
    executor = ProcessExecutor(1)
    yield executor
    executor.close(wait=False)


@pytest.fixture
def desk(executor: ProcessExecutor) -> Desk:
    return Desk(executor)


def local(value: int) -> Callable[[], int]:
    def inner() -> int:
        return value

    return inner


# ── code by reference ───────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "fn", [lambda: 1, local(1), functools.partial(local(1))], ids=["lambda", "local", "partial"]
)
def test_what_no_other_process_can_find_is_refused_by_name(
    executor: ProcessExecutor, fn: Callable[[], int]
) -> None:
    with pytest.raises(
        DefinitionError, match=r"test_processes\..*(a lambda|inside a function).*or run the step on threads"
    ):
        executor.check(fn, None)


def test_an_async_step_is_refused(executor: ProcessExecutor) -> None:
    with pytest.raises(DefinitionError, match="executor='asyncio'"):
        executor.check(steps.adouble, None)


def test_a_callable_that_cannot_be_pickled_is_refused(executor: ProcessExecutor) -> None:
    with pytest.raises(DefinitionError, match="cannot be sent to a worker process"):
        executor.check(own.Tool(threading.Lock()), None)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("fn", "expected"),
    [
        (own.undecorated, 4),
        (own.decorated, 8),
        (functools.partial(own.undecorated), 4),
        (own.Tool(5), 15),
        (own.Tool(5).times, 15),
        (str, "3"),
    ],
    ids=["under its decorator", "decorated", "partial", "object", "method", "class"],
)
def test_functions_are_found_by_name(desk: Desk, fn: Callable[[int], Any], expected: object) -> None:
    desk.executor.check(fn, None)
    assert desk.run(fn, 3).value == expected


def test_a_function_whose_name_leads_elsewhere_is_refused(executor: ProcessExecutor) -> None:
    def impostor() -> None: ...

    impostor.__qualname__ = "pid"
    impostor.__module__ = own.__name__
    with pytest.raises(DefinitionError, match="now names something else"):
        executor.check(impostor, None)


# ── what cannot travel ──────────────────────────────────────────────────────────────────────────────────────────────


def test_an_argument_that_cannot_travel_is_named(desk: Desk) -> None:
    failure = desk.run(steps.same, 1, other=threading.Lock()).failure
    assert failure is not None
    assert isinstance(failure.exception, CodecError)
    assert failure.message.startswith(
        f"argument 'other', of type lock, of {steps.__name__}.same cannot be sent"
    )


def test_a_result_that_cannot_travel_is_named(desk: Desk) -> None:
    failure = desk.run(own.a_lock).failure
    assert failure is not None
    assert failure.type == "penstock.errors.CodecError"
    assert f"the result of {own.__name__}.a_lock, of type lock, cannot be sent back" in failure.message


def test_an_exception_that_comes_back_says_where_it_was_raised(desk: Desk) -> None:
    failure = desk.run(steps.fail, "x").failure
    assert failure is not None
    assert failure.exception is not None
    assert "raise KeyError(message)" in failure.exception.__notes__[0]


# ── workers die and are replaced ────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ("exit", "ended with exit code 7"),
        ("kill", "was killed by SIGKILL"),
        ("segfault", "was killed by SIGSEGV"),
    ],
)
def test_a_worker_that_dies_costs_its_attempt_and_no_more(desk: Desk, how: str, said: str) -> None:
    desk.submit("doomed", steps.die, how, context=Context("r", "w", "load", 2))
    for number in range(5):
        desk.submit(number, steps.double, number)
    outcomes = dict(desk.wait(6))
    failure = outcomes.pop("doomed").failure
    assert failure is not None
    assert (failure.type, failure.cause) == ("penstock.errors.WorkerLost", "lost")
    assert f"the worker process {said} while it ran step r/load[2]" in failure.message
    assert isinstance(failure.exception, WorkerLost)
    assert {number: outcome.value for number, outcome in outcomes.items()} == {n: 2 * n for n in range(5)}


def test_jobs_sent_ahead_of_a_death_are_not_lost(desk: Desk) -> None:
    desk.run(steps.double, 1)
    desk.run(steps.double, 1)
    for number in range(40):
        desk.submit(number, steps.die if number == 20 else steps.double, "kill" if number == 20 else number)
    outcomes = dict(desk.wait(40))
    assert [number for number, outcome in outcomes.items() if outcome.failure is not None] == [20]


def test_a_worker_that_dies_while_idle_costs_nothing(desk: Desk) -> None:
    worker = desk.run(own.pid).value
    os.kill(worker, 9)
    wait_for(lambda: not psutil.pid_exists(worker))
    assert desk.run(steps.double, 2).value == 4


def test_workers_that_cannot_start_fail_what_waits(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/false")
    failure = desk.run(steps.double, 2).failure
    assert failure is not None
    assert "worker processes cannot start: the last one ended with exit code 1" in failure.message
    monkeypatch.undo()
    assert desk.run(steps.double, 2).value == 4


def test_a_program_that_is_not_there_fails_what_waits(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    failure = desk.run(steps.double, 2).failure
    assert failure is not None
    assert "/nowhere/python" in failure.message


def test_a_stopped_step_takes_its_children_with_it(desk: Desk, tmp_path: Path) -> None:
    desk.submit("t", own.hold_with_child, str(tmp_path))
    wait_for((tmp_path / "child.began").exists)
    child = int((tmp_path / "child").read_text())
    assert desk.executor.stop("t")
    wait_for(lambda: not lives(child))


def lives(pid: int) -> bool:
    """Whether a process has not ended."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def test_ctrl_c_is_left_to_the_program(desk: Desk) -> None:
    assert desk.run(own.interrupted).value == "went on"


# ── what a worker takes over, and what it costs ─────────────────────────────────────────────────────────────────────


def test_a_worker_is_where_the_program_is(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PENSTOCK_MARK", "here")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        found = desk.run(own.surroundings).value
    assert found["cwd"] == str(tmp_path)
    assert found["path"] == [os.path.abspath(entry) for entry in sys.path]
    assert found["argv"] == sys.argv
    assert found["mark"] == "here"
    assert ("ignore", FutureWarning) in found["filters"]
    assert found["stdin"] == ""


def test_a_filter_for_warnings_of_a_library_holds_once_a_step_imports_it(desk: Desk) -> None:
    category = type("Late", (UserWarning,), {"__module__": "tests.executors.late_warnings"})
    with warnings.catch_warnings():
        warnings.filterwarnings("error", category=category)
        assert "tests.executors.late_warnings" not in desk.run(own.modules).value
        failure = desk.run(own.warn_late).failure
    assert failure is not None
    assert failure.type == "tests.executors.late_warnings.Late"


def test_a_worker_is_used_again(desk: Desk) -> None:
    assert len({desk.run(own.pid).value for _ in range(10)}) == 1


def test_a_worker_imports_little(desk: Desk) -> None:
    found = desk.run(own.modules).value  # its own module imports subprocess and what that needs
    for name in ("asyncio", "concurrent", "logging", "msgspec", "multiprocessing", "socket", "inspect"):
        assert name not in found


def test_an_idle_worker_uses_no_time(desk: Desk) -> None:
    worker = psutil.Process(desk.run(own.pid).value)
    spent = [worker.cpu_times()]
    while (
        len(spent) < 20 and spent[-2:] != spent[-1:] * 2
    ):  # at first it may still be at what comes after a step
        time.sleep(0.3)
        spent.append(worker.cpu_times())
    assert spent[-1] == spent[-2]


def test_jobs_behind_one_that_turned_out_long_go_to_others(tmp_path: Path) -> None:
    executor = ProcessExecutor(2)
    desk = Desk(executor)
    try:
        for number in range(300):
            desk.submit(number, own.slow_once, str(tmp_path), 150)
        assert len(desk.wait(299)) == 299
        (tmp_path / "slow.go").touch()
        desk.next()
    finally:
        executor.close(wait=False)


def test_what_a_step_prints_arrives_while_it_runs(desk: Desk, tmp_path: Path) -> None:
    context = Context("r", "w", "s")
    capture.install(clock=time.time, echo=False)
    try:
        desk.submit("t", own.chatty, str(tmp_path), context=context)
        wait_for(lambda: context.lines is not None and context.lines[0][2] == "first line")
        assert desk.ended == []
        (tmp_path / "go").touch()
        desk.next()
    finally:
        capture.uninstall()


def test_a_fault_in_who_is_told_does_not_cost_the_dispatcher(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    def faulty(*_: object) -> None:
        raise RuntimeError("mine")

    desk.run(steps.advance, context=Context("r", "w", "s", report=faulty))
    desk.executor.submit(Job("t", steps.double, (1,), {}, None), faulty)
    assert desk.run(steps.double, 2).value == 4
    assert "a note of a running step could not be handed over" in caplog.text
    assert "the outcome of a step could not be handed over" in caplog.text
