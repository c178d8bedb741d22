"""The thread executor keeps the port's promises, and leaves behind what it cannot stop."""

from __future__ import annotations

import logging
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from penstock.context import Context
from penstock.errors import DefinitionError
from penstock.executors.threads import ThreadExecutor
from penstock.ports import Executor, Job
from penstock.testing.executor_suite import Desk, ExecutorSuite, steps, wait_for


class TestThreadExecutor(ExecutorSuite):
    def make_executor(self, slots: int) -> Executor:
        return ThreadExecutor(slots)


@pytest.fixture
def executor() -> Iterator[ThreadExecutor]:
    executor = ThreadExecutor(2)
    yield executor
    executor.close(wait=False)


_before: set[threading.Thread] = set()


@pytest.fixture(autouse=True)
def _look_at_threads() -> None:
    """What other tests in this process left running is not counted."""
    _before.clear()
    _before.update(threading.enumerate())


def own_threads() -> list[threading.Thread]:
    new = set(threading.enumerate()) - _before
    return [thread for thread in new if thread.name.startswith("penstock-")]


def test_threads_are_made_when_they_are_needed_and_used_again(executor: ThreadExecutor) -> None:
    desk = Desk(executor)
    wait_for(lambda: not own_threads())
    names = {desk.run(threading.current_thread).value for _ in range(10)}
    assert len(names) == 1


def test_an_async_step_is_refused(executor: ThreadExecutor) -> None:
    with pytest.raises(DefinitionError, match="executor='asyncio'"):
        executor.check(steps.adouble, None)


def test_a_step_left_behind_is_named_in_a_warning(
    executor: ThreadExecutor, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    desk = Desk(executor)
    desk.submit("t", steps.hold, str(tmp_path), "hung", context=Context("r", "w", "load", 4))
    wait_for((tmp_path / "hung.began").exists)
    with caplog.at_level(logging.WARNING):
        assert executor.stop("t") is False
    assert "r/load[4] was stopped but still runs" in caplog.text
    (tmp_path / "hung.go").touch()
    wait_for(lambda: not own_threads())


def test_a_cooperative_step_sees_that_it_was_stopped(executor: ThreadExecutor, tmp_path: Path) -> None:
    context = Context("r", "w", "s")

    def patient() -> None:
        (tmp_path / "began").touch()
        wait_for(lambda: context.cancelled)
        (tmp_path / "left").touch()

    executor.submit(Job("t", patient, (), {}, context), lambda *_: None)
    wait_for((tmp_path / "began").exists)
    executor.stop("t")
    wait_for((tmp_path / "left").exists)


def test_a_fault_in_who_is_told_does_not_cost_a_thread(
    executor: ThreadExecutor, caplog: pytest.LogCaptureFixture
) -> None:
    def faulty(*_: object) -> None:
        raise RuntimeError("mine")

    executor.submit(Job(1, steps.double, (1,), {}, None), faulty)
    assert Desk(executor).run(steps.double, 2).value == 4
    wait_for(lambda: "could not be handed over" in caplog.text)


def test_keyboard_interrupt_raised_by_a_step_is_its_failure(executor: ThreadExecutor) -> None:
    def interrupted() -> None:
        raise KeyboardInterrupt

    failure = Desk(executor).run(interrupted).failure
    assert failure is not None
    assert failure.type == "KeyboardInterrupt"


def test_a_hung_step_does_not_keep_the_program_from_ending() -> None:
    script = (
        "import threading, time\n"
        "from penstock.executors.threads import ThreadExecutor\n"
        "from penstock.ports import Job\n"
        "began = threading.Event()\n"
        "def hang(): began.set(); time.sleep(600)\n"
        "executor = ThreadExecutor(1)\n"
        "executor.submit(Job(1, hang, (), {}, None), print)\n"
        "began.wait(); executor.stop(1); executor.close()\n"
    )
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, timeout=300, check=True)
    assert b"still runs" in ended.stderr
