"""What a log tells of a past run: pure, from logs written by hand."""

from __future__ import annotations

from typing import Any

from penstock import Workflow
from penstock.model import events as e
from penstock.model.failure import Failure
from penstock.whatif.history import overhead_in
from penstock.whatif.past import past_of

LOST = Failure("penstock.errors.WorkerLost", "gone", "lost")
BROKEN = Failure("ValueError", "no")


def log(*events: tuple[float, Any]) -> list[tuple[int, float, Any]]:
    started = (100.0, e.RunStarted("it", "1", {"n": 1}))
    return [(number, at, event) for number, (at, event) in enumerate([started, *events], 1)]


def past(*events: tuple[float, Any]) -> Any:
    return past_of("a", log(*events), None, lambda value: None)


def test_attempts_are_told_with_their_ends() -> None:
    found = past(
        (100.5, e.StepStarted("a", None, 1)),
        (102.0, e.StepFailed("a", None, 1, BROKEN, 103.0)),
        (103.25, e.StepStarted("a", None, 2)),
        (104.0, e.StepDone("a", None, 7)),
        (104.5, e.RunDone(7)),
    )
    assert [(each.seconds, each.attempt, each.value, each.failure) for each in found.samples["a"]] == [
        (1.5, 1, None, BROKEN),
        (0.75, 2, 7, None),
    ]
    assert (found.status, found.started, found.seconds, found.inputs, found.width) == (
        "completed", 100.0, 4.5, {"n": 1}, 1,
    )  # fmt: skip
    assert found.overhead == {"a": [0.5, 0.25]}, "after the run's start, and after the retry was due"


def test_the_time_until_a_step_starts_is_learned_as_long_as_it_is_short() -> None:
    def gaps(step: str, *seconds: float) -> Any:
        return past_of("a", log((100.0, e.RunDone(1))), None, lambda value: None)._replace(
            overhead={step: seconds}
        )

    quick, slow = gaps("a", 0.001, 0.002, 0.003, 9.0), gaps("b-2", 0.02, 0.03, 0.04)
    assert overhead_in([quick, slow, gaps("c", 1.0)]) == {"a": 0.002, "b": 0.03}


def test_what_was_lost_or_cancelled_says_nothing_and_time_away_is_not_counted() -> None:
    found = past(
        (100.0, e.StepStarted("a", None, 1)),
        (100.0, e.StepStarted("b", None, 1)),
        (500.0, e.Owned(2)),
        (500.0, e.StepFailed("a", None, 1, LOST, 500.0)),
        (500.0, e.StepCancelled("b")),
        (500.0, e.StepStarted("a", None, 2)),
        (501.0, e.StepDone("a", None, 1)),
        (501.0, e.RunDone(1)),
    )
    assert [(each.seconds, each.attempt) for each in found.samples["a"]] == [(1.0, 2)]
    assert "b" not in found.samples
    assert found.seconds == 1.0
    assert found.width == 2


def test_items_of_a_map_are_attempts_of_one_step() -> None:
    found = past(
        (100.0, e.StepStarted("m", 0, 1)),
        (100.0, e.StepStarted("m", 1, 1)),
        (101.0, e.StepDone("m", 1, "one")),
        (103.0, e.StepDone("m", 0, "zero")),
        (103.0, e.RunDone(None)),
    )
    assert [(each.seconds, each.value) for each in found.samples["m"]] == [(3.0, "zero"), (1.0, "one")]
    assert found.width == 2


def test_a_log_that_the_code_does_not_fit_any_more_is_read_without_it() -> None:
    flow = Workflow("it")
    flow.add_task(_other, name="other")
    told = log((100.0, e.StepStarted("a", None, 1)), (101.0, e.StepDone("a", None, 7)), (101.0, e.RunDone(7)))
    told[0][2].version = flow.as_program().version
    found = past_of("a", told, flow.as_program(), lambda value: 5)
    assert [(each.value, each.size) for each in found.samples["a"]] == [(7, None)]


def _other() -> int:
    return 1
