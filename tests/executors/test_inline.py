"""The inline executor keeps the port's promises on the caller's own thread."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from penstock.errors import DefinitionError
from penstock.executors.inline import InlineExecutor
from penstock.ports import Executor, Job, Outcome
from penstock.testing.executor_suite import Desk, ExecutorSuite, steps


class TestInlineExecutor(ExecutorSuite):
    parallel = False

    def make_executor(self, slots: int) -> Executor:
        return InlineExecutor()


@pytest.fixture
def executor() -> Iterator[InlineExecutor]:
    executor = InlineExecutor()
    yield executor
    executor.close()


def test_a_step_has_ended_when_submit_returns(executor: InlineExecutor) -> None:
    desk = Desk(executor)
    desk.submit("t", steps.double, 3)
    assert desk.ended == [("t", Outcome(6, None))]


def test_a_timeout_is_refused_with_the_remedy(executor: InlineExecutor) -> None:
    with pytest.raises(DefinitionError, match=r"double has timeout=5.*executor='threads'"):
        executor.check(steps.double, 5)
    executor.check(steps.double, None)


def test_an_async_step_is_refused_with_the_remedy(executor: InlineExecutor) -> None:
    with pytest.raises(DefinitionError, match=r"adouble is async.*executor='asyncio'"):
        executor.check(steps.adouble, None)


def test_ctrl_c_goes_through_to_the_program(executor: InlineExecutor) -> None:
    def interrupted() -> None:
        raise KeyboardInterrupt

    told: list[object] = []
    with pytest.raises(KeyboardInterrupt):
        executor.submit(Job(1, interrupted, (), {}, None), lambda *it: told.append(it))
    assert told == []


def test_a_step_that_stops_itself_is_heard_of_no_more(executor: InlineExecutor) -> None:
    desk = Desk(executor)
    desk.submit("t", executor.stop, "t")
    assert desk.ended == []
