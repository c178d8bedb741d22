"""Values and failures come back; a step knows itself; what it writes is kept."""

from __future__ import annotations

import os
from typing import Any

from penstock.context import Context, capture
from penstock.ports import Executor, Outcome
from penstock.testing.executor_suite import steps
from penstock.testing.executor_suite.harness import Desk, ExecutorPart
from penstock.testing.executor_suite.steps import context_for


class OutcomePart(ExecutorPart):
    """Values and failures come back; a step knows itself; what it writes is kept."""

    def test_it_has_a_name_and_the_slots_it_was_given(self, executor: Executor) -> None:
        assert executor.name
        assert executor.slots == (2 if self.parallel else 1)

    def test_a_value_comes_back_with_its_token(self, desk: Desk) -> None:
        desk.submit("mine", self.step("double"), 21)
        assert desk.next() == ("mine", Outcome(42, None))

    def test_arguments_come_as_they_were_given(self, desk: Desk) -> None:
        given = {"a": [1, (2, None)], "b": {3.5, "x"}}
        assert desk.run(self.step("same"), given, other=b"bytes").value == (given, b"bytes")

    def test_a_big_value_goes_and_comes_back_whole(self, desk: Desk) -> None:
        big = os.urandom(1_000) * 5_000
        assert desk.run(self.step("same"), big).value[0] == big

    def test_what_a_step_raises_is_its_failure(self, desk: Desk) -> None:
        value, failure = desk.run(self.step("fail"), "lost key")
        assert value is None
        assert failure is not None
        assert (failure.type, failure.message, failure.cause) == ("KeyError", "'lost key'", "error")
        assert failure.bases[:2] == ("LookupError", "Exception")
        assert "raise KeyError(message)" in failure.traceback
        assert isinstance(failure.exception, KeyError)

    def test_a_traceback_begins_in_the_step(self, desk: Desk) -> None:
        failure = desk.run(self.step("fail"), "x").failure
        assert failure is not None
        assert failure.traceback.splitlines()[1].strip().startswith(f'File "{steps.__file__}"')

    def test_an_exception_of_any_kind_comes_back_with_its_text(self, desk: Desk) -> None:
        failure = desk.run(self.step("fail_oddly")).failure
        assert failure is not None
        assert (failure.type, failure.message) == (f"{steps.__name__}.Odd", "1 and 2")
        assert isinstance(failure.exception, steps.Odd) == self.keeps_exceptions

    def test_a_step_that_exits_has_failed_and_the_executor_goes_on(self, desk: Desk) -> None:
        failure = desk.run(self.step("leave"), 3).failure
        assert failure is not None
        assert (failure.type, failure.message) == ("SystemExit", "3")
        assert desk.run(self.step("double"), 2).value == 4

    def test_a_step_sees_its_own_context(self, desk: Desk) -> None:
        context = Context("r1", "etl", "load", 7, 3, 99.5)
        expected = ("r1", "etl", "load", 7, 3, "r1/load[7]", 99.5, False)
        assert desk.run(self.step("known"), context=context).value == expected

    def test_steps_that_run_together_see_each_their_own(self, desk: Desk) -> None:
        for item in range(20):
            desk.submit(item, self.step("known"), context=context_for(item))
        assert {token: outcome.value[3] for token, outcome in desk.wait(20)} == {n: n for n in range(20)}

    def test_no_context_is_left_behind(self, desk: Desk) -> None:
        desk.run(self.step("known"))
        assert steps.outside()

    def test_progress_reaches_the_driver_before_the_end(self, desk: Desk) -> None:
        notes: list[tuple[str, Any]] = []
        desk.run(self.step("advance"), context=context_for(report=lambda _, *note: notes.append(note)))
        assert notes == [
            ("progress", {"i": 1, "n": 3, "message": "one"}),
            ("progress", {"i": 3, "n": 3, "message": ""}),
        ]

    def test_what_a_step_writes_is_kept_with_its_attempt(self, desk: Desk) -> None:
        capture.install(clock=lambda: 5.0, echo=False)
        try:
            context, silent = context_for(), context_for()
            desk.run(self.step("speak"), context=context)
            desk.run(self.step("double"), 1, context=silent)
        finally:
            capture.uninstall()
        assert context.lines is not None
        assert [(stream, text) for _, stream, text in context.lines] == [
            ("stdout", "to stdout"),
            ("stderr", "to stderr"),
            ("log", "WARNING somebody: to a logger"),
            ("stdout", "no end"),
        ]
        assert silent.lines is None
