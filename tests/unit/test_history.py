"""What a log says of its steps without its program: states, attempts, items, times."""

from __future__ import annotations

from penstock.model import events as e
from penstock.model.history import StepRecord, steps_in
from tests.unit.scripted import oops


def told(*events: e.Event) -> dict[str, StepRecord]:
    """The steps of a log whose n-th event came at n seconds."""
    return steps_in((number, float(number), event) for number, event in enumerate(events, 1))


def test_steps_come_in_the_order_of_their_first_event() -> None:
    assert list(told(e.StepStarted("b"), e.StepStarted("a"), e.StepDone("b", None, 1))) == ["b", "a"]


def test_a_completed_step_has_its_value_and_times() -> None:
    step = told(e.StepStarted("a"), e.Noted("quiet"), e.StepDone("a", None, 7))["a"]
    assert (step.status, step.value, step.started_at, step.ended_at) == ("completed", 7, 1.0, 3.0)
    assert [attempt.status for attempt in step.attempts] == ["completed"]


def test_a_running_step_has_not_ended() -> None:
    step = told(e.StepStarted("a"))["a"]
    assert (step.status, step.ended_at) == ("running", None)


def test_a_step_that_never_ran_has_no_times() -> None:
    step = told(e.StepDone("nap", None, None))["nap"]
    assert (step.status, step.started_at, step.ended_at, step.attempts) == ("completed", None, None, [])


def test_a_step_that_will_be_tried_again_is_waiting_and_keeps_its_attempts() -> None:
    step = told(e.StepStarted("a"), e.StepFailed("a", None, 1, oops("one"), 9.0))["a"]
    assert (step.status, step.attempts[0].status) == ("waiting", "failed")
    assert step.error is not None
    assert step.error.message == "one"


def test_every_attempt_says_how_it_ended() -> None:
    step = told(
        e.StepStarted("a"), e.StepFailed("a", None, 1, oops(cause="timeout"), 2.0),
        e.StepStarted("a", None, 2), e.StepFailed("a", None, 2, oops(cause="lost"), 4.0),
        e.StepStarted("a", None, 3), e.StepFailed("a", None, 3, oops()),
    )["a"]  # fmt: skip
    assert [(a.number, a.status) for a in step.attempts] == [(1, "timed_out"), (2, "lost"), (3, "failed")]
    assert (step.status, step.started_at, step.ended_at) == ("failed", 1.0, 6.0)


def test_a_cancelled_step_says_so_though_it_never_started() -> None:
    assert told(e.StepCancelled("a"))["a"].status == "cancelled"
    assert told(e.StepStarted("a"), e.StepCancelled("a"))["a"].attempts[0].status == "cancelled"


def test_a_skipped_step_says_why() -> None:
    step = told(e.StepSkipped("a", "not today"))["a"]
    assert (step.status, step.reason) == ("skipped", "not today")


def test_a_reused_step_has_its_value() -> None:
    step = told(e.StepReused("a", 5, "other"))["a"]
    assert (step.status, step.value) == ("reused", 5)


def test_openings_and_notes_make_no_steps() -> None:
    assert told(e.Opened("sub", "d"), e.Noted("abandoned", "a"), e.Paused(), e.RunDone(1)) == {}


# ── maps ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_map_has_a_status_and_a_value_an_item() -> None:
    step = told(
        e.StepStarted("m", 0), e.StepStarted("m", 1), e.StepDone("m", 1, "b"), e.StepFailed("m", 0, 1, oops())
    )["m"]
    assert (step.items, step.values) == ({0: "failed", 1: "completed"}, {1: "b"})
    assert (step.count("completed"), step.count("failed"), step.count("running")) == (1, 1, 0)
    assert [attempt.item for attempt in step.attempts] == [0, 1]


def test_a_map_is_running_while_one_of_its_items_is() -> None:
    started = [e.StepStarted("m", 0), e.StepStarted("m", 1)]
    assert told(*started, e.StepDone("m", 0, 1))["m"].status == "running"
    assert told(*started, e.StepDone("m", 0, 1), e.StepDone("m", 1, 1))["m"].status == "completed"


def test_a_map_waits_while_one_of_its_items_does() -> None:
    log = [
        e.StepStarted("m", 0),
        e.StepFailed("m", 0, 1, oops(), 9.0),
        e.StepStarted("m", 1),
        e.StepDone("m", 1, 1),
    ]
    assert told(*log)["m"].status == "waiting"


def test_a_map_is_as_its_worst_item() -> None:
    done = [e.StepStarted("m", 0), e.StepDone("m", 0, 1), e.StepStarted("m", 1)]
    assert told(*done, e.StepFailed("m", 1, 1, oops()))["m"].status == "failed"
    assert told(*done, e.StepCancelled("m", 1))["m"].status == "cancelled"
