"""How many run at once, and in which order."""

from __future__ import annotations

import threading
from pathlib import Path

from penstock.ports import Executor, Job, Outcome
from penstock.testing.executor_suite.harness import Desk, ExecutorPart
from penstock.testing.executor_suite.steps import MANY, PATIENCE_SECONDS, context_for


class OrderPart(ExecutorPart):
    """How many run at once, and in which order."""

    def test_as_many_as_there_are_slots_run_at_once(self, desk: Desk, folder: str) -> None:
        self.need_parallel()
        for name in ("a", "b"):
            desk.submit(name, self.step("hold"), folder, name)
        self.began(folder, "a")
        self.began(folder, "b")
        self.let_go(folder, "a", "b")
        assert {token for token, _ in desk.wait(2)} == {"a", "b"}

    def test_no_more_run_at_once_than_there_are_slots(self, desk: Desk, folder: str) -> None:
        for item in range(60):
            desk.submit(item, self.step("crowd"), folder, context=context_for(item))
        assert max(outcome.value for _, outcome in desk.wait(60)) <= (desk.executor.slots or 60)

    def test_jobs_begin_in_the_order_in_which_they_came(self, single: Desk, folder: str) -> None:
        for name in range(50):
            single.submit(name, self.step("mark"), folder, str(name))
        single.wait(50)
        assert Path(folder, "marks").read_text().split() == [str(name) for name in range(50)]

    def test_many_jobs_end_once_each(self, desk: Desk) -> None:
        for number in range(MANY):
            desk.submit(number, self.step("double"), number)
        outcomes = dict(desk.wait(MANY))
        assert outcomes == {number: Outcome(2 * number, None) for number in range(MANY)}
        assert len(desk.ended) == MANY

    def test_who_is_told_of_an_end_may_submit_the_next(self, executor: Executor) -> None:
        done = threading.Event()

        def next_one(token: int, outcome: Outcome) -> None:
            if token == 20:
                done.set()
            else:
                executor.submit(Job(token + 1, self.step("double"), (token,), {}, None), next_one)

        executor.submit(Job(0, self.step("double"), (0,), {}, None), next_one)
        assert done.wait(PATIENCE_SECONDS)
