"""Sleeping, waiting for signals, pausing, cancelling and deadlines: what comes from outside a program."""

from __future__ import annotations

from typing import Any

import pytest

from penstock.errors import InvariantBroken, Nondeterminism
from penstock.model import events as e
from penstock.model.machine import Run, evolve
from penstock.model.program import Ask, Do, End, Fail, Plan, Sleep, Stop, Wait
from tests.unit.scripted import Hand, Script, do, nothing, oops

# ── sleep ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_sleep_is_due_so_many_seconds_after_it_was_asked_for() -> None:
    assert Hand(Script(Sleep("s", 60.0))).run.open["s"].due == 61.0


def test_a_sleep_may_be_until_a_time() -> None:
    assert Hand(Script(Sleep("s", until=500.0))).run.open["s"].due == 500.0


def test_a_sleep_that_has_passed_is_done_with_nothing() -> None:
    hand = Hand(Script(Sleep("s", 1.0), {"s": lambda value: End(value)}))
    assert hand.play(e.StepDone("s", None, None)).final == ("completed", None)


def test_a_sleep_can_be_stopped() -> None:
    hand = Hand(Script([Sleep("s", 9.0), do("a")], {"a": [Stop("s"), End()]})).done("a")
    assert hand.final == ("completed", None)


def test_a_step_that_sleeps_until_its_retry_cannot_be_done_meanwhile() -> None:
    hand = Hand(Script(do("a"))).start("a").fail("a", retry_at=99.0)
    with pytest.raises(Nondeterminism, match="completes step 'a', which is waiting"):
        hand.end("a")


# ── signals ─────────────────────────────────────────────────────────────────────────────────────────────────────────

ANSWER = {"w": lambda value: End(value)}


def test_a_wait_is_done_by_the_next_signal_of_its_name() -> None:
    hand = Hand(Script(Wait("w", "go"), ANSWER)).play(e.Signalled("other", 1))
    assert hand.final is None
    assert hand.play(e.Signalled("go", 2)).final == ("completed", 2)


def test_a_signal_that_came_early_is_kept_for_who_waits_later() -> None:
    hand = Hand(Script(do("a"), {"a": Wait("w", "go"), **ANSWER})).play(e.Signalled("go", 5))
    assert hand.done("a").final == ("completed", 5)


def test_early_signals_are_taken_in_the_order_in_which_they_came() -> None:
    script = Script(
        do("a"), {"a": Wait("w", "go"), "w": lambda one: Wait("v", "go"), "v": lambda two: End(two)}
    )
    hand = Hand(script).play(e.Signalled("go", 1), e.Signalled("go", 2)).done("a")
    assert hand.final == ("completed", 2)


def test_the_one_who_waited_longest_gets_the_signal() -> None:
    hand = Hand(Script([Wait("w", "go"), Wait("v", "go")])).play(e.Signalled("go", 1))
    assert hand.heard == [("done", "w", 1)]


def test_who_was_stopped_gets_no_signal() -> None:
    script = Script([Wait("w", "go"), Wait("v", "go"), do("a")], {"a": Stop("w")})
    hand = Hand(script).done("a").play(e.Signalled("go", 1))
    assert hand.heard[-1] == ("done", "v", 1)


def test_a_signal_meant_for_a_wait_that_is_dropped_at_once_is_kept() -> None:
    script = Script(do("a"), {"a": [Wait("w", "go"), Stop("w"), Wait("v", "go")]})
    hand = Hand(script).play(e.Signalled("go", 1)).done("a")
    assert hand.heard[-1] == ("done", "v", 1)


def test_a_wait_may_take_too_long() -> None:
    hand = Hand(Script(Wait("w", "go", 10.0)))
    assert hand.run.open["w"].due == 11.0
    hand.play(e.StepFailed("w", None, 0, oops("late", "timeout")))
    assert (hand.final[1].cause, hand.final[1].step) == ("timeout", "w")


def test_a_wait_that_took_too_long_takes_no_signal() -> None:
    script = Script(Wait("w", "go", 10.0), failed={"w": Wait("v", "go")})
    hand = Hand(script).play(e.StepFailed("w", None, 0, oops())).play(e.Signalled("go", 1))
    assert hand.heard[-1] == ("done", "v", 1)


def test_keys_of_signals_are_remembered() -> None:
    hand = Hand(Script(Wait("w", "go"))).play(e.Signalled("x", 1, "k1"), e.Signalled("x", 1))
    assert hand.run.signal_keys == {"k1"}


# ── pause, cancel ───────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_paused_run_still_ends_when_what_runs_ends_it() -> None:
    hand = Hand(Script(do("a"), {"a": End(1)})).start("a").play(e.Paused("lunch")).end("a")
    assert (hand.run.status, hand.final) == ("paused", ("completed", 1))
    assert hand.play(e.RunDone(1)).run.status == "completed"


def test_a_resumed_run_is_running_again() -> None:
    assert Hand(Script(do("a"))).play(e.Paused(), e.Resumed()).run.status == "running"


def test_a_cancel_stops_what_runs_and_drops_the_rest() -> None:
    hand = Hand(Script([do("a"), do("b"), Sleep("s", 9.0), Wait("w", "go")])).start("a")
    hand.play(e.CancelAsked("enough"))
    assert (hand.open, hand.stops, hand.final) == ({"a": "running"}, ["a"], None)
    assert hand.play(e.StepCancelled("a")).final == ("cancelled", "enough")


def test_a_cancel_of_a_run_that_did_not_begin_is_its_end() -> None:
    hand = Hand(Script(do("a")), started=False).play(e.CancelAsked("no"))
    assert hand.final == ("cancelled", "no")
    assert hand.play(e.RunCancelled("no")).run.status == "cancelled"


def test_a_cancel_after_the_end_changes_nothing() -> None:
    assert Hand(Script(End(1))).play(e.CancelAsked()).final == ("completed", 1)


def test_a_failing_run_that_is_cancelled_while_it_drains_is_cancelled() -> None:
    hand = Hand(Script([do("a"), do("b")])).start("a", "b").fail("a").play(e.CancelAsked("stop it"))
    assert hand.stops == ["b"]
    assert hand.play(e.StepCancelled("b")).final == ("cancelled", "stop it")


# ── deadlines ───────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_run_that_took_too_long_fails_with_cause_timeout() -> None:
    hand = Hand(Script([do("a"), do("b")])).start("a").play(e.Noted("deadline"))
    assert hand.open == {"a": "running"}
    kind, error = hand.fail("a", oops("stopped", "timeout")).final
    assert (kind, error.cause, error.message) == (
        "failed",
        "timeout",
        "run r took longer than it was allowed",
    )


def test_other_notes_change_nothing() -> None:
    assert Hand(Script(do("a"))).play(e.Noted("quiet")).open == {"a": "ready"}


def test_a_deadline_does_not_turn_a_cancel_into_a_failure() -> None:
    hand = Hand(Script(do("a"))).start("a").play(e.CancelAsked("stop"), e.Noted("deadline"))
    assert hand.play(e.StepCancelled("a")).final == ("cancelled", "stop")


def test_a_deadline_does_not_undo_what_was_completed_before_it() -> None:
    hooked = Script(End(1), hooks={"completed": Do("@on_success", nothing)})
    hand = Hand(hooked).start("@on_success").play(e.Noted("deadline"))
    assert hand.fail("@on_success", oops("stopped", "timeout")).final == ("completed", 1)


def test_a_failing_run_that_passes_its_deadline_keeps_its_first_reason() -> None:
    hand = Hand(Script([do("a"), do("b")])).start("a", "b").fail("a", oops("first")).play(e.Noted("deadline"))
    assert hand.fail("b", oops("stopped")).final[1].message == "first"


# ── hooks ───────────────────────────────────────────────────────────────────────────────────────────────────────────

HOOKS = {
    "completed": Do("@on_success", nothing),
    "failed": Do("@on_failure", nothing),
    "cancelled": Do("@on_cancel", nothing),
}


def test_a_hook_runs_as_a_step_before_the_run_ends() -> None:
    hand = Hand(Script(do("a"), {"a": End(5)}, hooks=HOOKS)).done("a")
    assert (hand.open, hand.final) == ({"@on_success": "ready"}, None)
    assert hand.run.open["@on_success"].ask.args == (5,)
    assert hand.done("@on_success", "ignored").final == ("completed", 5)


def test_the_hook_of_a_failure_is_given_the_failure() -> None:
    hand = Hand(Script(do("a"), hooks=HOOKS)).start("a").fail("a", oops("why"))
    assert hand.run.open["@on_failure"].ask.args[0].message == "why"
    assert hand.done("@on_failure").final[1].message == "why"


def test_the_hook_of_a_cancel_is_given_the_reason() -> None:
    hand = Hand(Script(do("a"), hooks=HOOKS)).play(e.CancelAsked("enough"))
    assert hand.run.open["@on_cancel"].ask.args == ("enough",)
    assert hand.done("@on_cancel").final == ("cancelled", "enough")


def test_a_hook_that_fails_changes_nothing() -> None:
    hand = Hand(Script(Fail(oops("why")), hooks=HOOKS)).start("@on_failure").fail("@on_failure", oops("hook"))
    assert hand.final[1].message == "why"


def test_a_hook_may_be_tried_again() -> None:
    hand = Hand(Script(End(1), hooks=HOOKS)).start("@on_success").fail("@on_success", retry_at=0.0)
    assert hand.ready == ["@on_success", "@on_success"]
    assert hand.start("@on_success", attempt=2).end("@on_success").final == ("completed", 1)


def test_a_hook_runs_once_whatever_the_outcome_turns_into() -> None:
    hand = Hand(Script(End(1), hooks=HOOKS)).start("@on_success").play(e.CancelAsked("no more"))
    assert hand.stops == ["@on_success"]
    assert hand.play(e.StepCancelled("@on_success")).final == ("cancelled", "no more")


def test_a_hook_that_did_not_start_gives_way_to_that_of_another_outcome() -> None:
    hand = Hand(Script(End(1), hooks=HOOKS)).play(e.CancelAsked("no more"))
    assert hand.open == {"@on_cancel": "ready"}
    assert hand.done("@on_cancel").final == ("cancelled", "no more")


def test_a_run_of_which_nothing_is_known_takes_no_step() -> None:
    with pytest.raises(Nondeterminism):
        evolve(Run("r", Script(do("a"))), e.StepStarted("a"), 1.0)


def test_a_run_starts_once() -> None:
    with pytest.raises(InvariantBroken, match="RunStarted while running"):
        Hand(Script(do("a"))).play(e.RunStarted("script", "", None))


class Taker(Plan):
    """Waits for one signal after the other until it is told 3,000."""

    name = "taker"

    def play(self, input: Any) -> Any:
        return self

    def begin(self, at: float) -> list[Ask]:
        return [do("a")]

    def done(self, key: str, value: Any, at: float) -> list[Ask]:
        return [End(value)] if value == 3_000 else [Wait(f"w{value}", "go")]


def test_three_thousand_early_signals_are_taken_one_after_the_other_without_recursion() -> None:
    hand = Hand(Taker()).play(*(e.Signalled("go", number) for number in range(3_001)))
    assert hand.done("a").final == ("completed", 3_000)
