"""Stopping a step, closing an executor, closing what was opened."""

from __future__ import annotations

from pathlib import Path

import pytest

from penstock.context import with_resources
from penstock.errors import PenstockError, UserError
from penstock.ports import Executor, Outcome
from penstock.testing.executor_suite import steps
from penstock.testing.executor_suite.harness import Desk, ExecutorPart, living
from penstock.testing.executor_suite.steps import context_for, wait_for


class EndPart(ExecutorPart):
    """Stopping a step, closing an executor, closing what was opened."""

    def test_stopping_what_is_over_or_unknown_changes_nothing(self, desk: Desk) -> None:
        desk.submit("over", self.step("double"), 1)
        desk.next()
        assert desk.executor.stop("over")
        assert desk.executor.stop("never heard of")

    def test_a_job_stopped_while_it_waits_never_runs(self, single: Desk, folder: str) -> None:
        self.need_parallel()
        single.submit("first", self.step("hold"), folder, "first")
        self.began(folder, "first")
        single.submit("second", self.step("mark"), folder, "second")
        single.submit("third", self.step("mark"), folder, "third")
        assert single.executor.stop("second")
        self.let_go(folder, "first")
        assert [token for token, _ in single.wait(2)] == ["first", "third"]
        assert Path(folder, "marks").read_text().split() == ["third"]

    def test_a_stopped_step_frees_its_slot_at_once_and_is_heard_of_no_more(
        self, single: Desk, folder: str
    ) -> None:
        self.need_parallel()
        context = context_for()
        single.submit("hung", self.step("hold"), folder, "hung", context=context)
        self.began(folder, "hung")
        ended = single.executor.stop("hung")
        assert context.cancelled
        assert ended or not self.kills
        assert single.run(self.step("double"), 4).value == 8
        self.let_go(folder, "hung")
        assert single.run(self.step("double"), 5).value == 10
        single.executor.close()
        assert [outcome.value for _, outcome in single.ended] == [8, 10]

    def test_a_killed_step_runs_no_more(self, single: Desk, folder: str) -> None:
        if not self.kills:
            pytest.skip("it cannot kill")
        single.submit("hung", self.step("hold"), folder, "hung")
        self.began(folder, "hung")
        assert single.executor.stop("hung")
        self.let_go(folder, "hung")
        single.executor.close()
        assert not Path(folder, "hung.ended").exists()

    def test_a_token_can_be_used_again_after_it_was_stopped(self, single: Desk, folder: str) -> None:
        self.need_parallel()
        single.submit("same", self.step("hold"), folder, "first")
        self.began(folder, "first")
        single.executor.stop("same")
        single.submit("same", self.step("double"), 3)
        assert single.next() == ("same", Outcome(6, None))
        self.let_go(folder, "first")

    def test_close_waits_for_what_was_submitted(self, single: Desk) -> None:
        for number in range(20):
            single.submit(number, self.step("double"), number)
        single.executor.close()
        assert [outcome.value for _, outcome in single.ended] == [2 * number for number in range(20)]

    def test_close_without_waiting_drops_what_has_not_ended(self, single: Desk, folder: str) -> None:
        self.need_parallel()
        single.submit("hung", self.step("hold"), folder, "hung")
        single.submit("next", self.step("double"), 1)
        self.began(folder, "hung")
        single.executor.close(wait=False)
        self.let_go(folder, "hung")
        assert single.ended == []

    def test_close_leaves_no_thread_and_no_process(self) -> None:
        before = living()
        desk = Desk(self.make_executor(2 if self.parallel else 1))
        for number in range(10):
            desk.submit(number, self.step("double"), number)
        desk.wait(10)
        desk.executor.close()
        wait_for(lambda: living() <= before)

    def test_close_can_be_called_twice(self, executor: Executor) -> None:
        executor.close()
        executor.close()

    def test_a_closed_executor_takes_nothing(self, desk: Desk) -> None:
        desk.executor.close()
        with pytest.raises(UserError, match="closed"):
            desk.submit(1, self.step("double"), 1)

    def test_a_resource_is_opened_once_and_closed_at_the_end(
        self, folder: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("PENSTOCK_MARKS", folder)
        desk = Desk(self.make_executor(1))
        step = with_resources(self.step("use"), {"write": steps.folder_of_marks})
        desk.executor.check(step, None)
        places = {desk.run(step, str(number)).value for number in range(3)}
        desk.executor.close()
        assert len(places) == 1
        assert Path(folder, "marks").read_text().split() == ["opened", "0", "1", "2", "closed"]

    def test_a_resource_that_cannot_be_opened_fails_the_step(self, desk: Desk) -> None:
        failure = desk.run(with_resources(self.step("use"), {"write": steps.broken}), "x").failure
        assert failure is not None
        assert failure.message == "resource 'broken' could not be opened: ConnectionError: nobody there"
        assert issubclass(type(failure.exception), PenstockError)
