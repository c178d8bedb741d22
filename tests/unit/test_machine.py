"""One run: steps open and settle, scopes end, and nothing is asked of a program that has ended."""

from __future__ import annotations

from typing import Any

import pytest

from penstock.errors import InvariantBroken, Nondeterminism
from penstock.model import events as e
from penstock.model.machine import Run, fold, forgiven_in
from penstock.model.program import End, Fail, Skip, Stop
from tests.unit.scripted import Hand, Script, do, nothing, oops

# ── beginning and ending ────────────────────────────────────────────────────────────────────────────────────────────


def test_a_run_begins_with_what_its_program_asks_first() -> None:
    hand = Hand(Script([do("a"), do("b")]), input=5, tags={"team": "x"})
    assert hand.run.status == "running"
    assert hand.open == {"a": "ready", "b": "ready"}
    assert (hand.run.input, hand.run.tags, hand.run.started_at) == (5, {"team": "x"}, 1.0)


def test_a_program_is_told_what_is_done_and_asks_for_more() -> None:
    hand = Hand(Script(do("a"), {"a": lambda value: do(f"b{value}")})).done("a", 7)
    assert hand.heard == [("done", "a", 7)]
    assert hand.open == {"b7": "ready"}


def test_a_run_that_may_end_at_once_is_final_after_its_first_event() -> None:
    assert Hand(Script(End(3))).final == ("completed", 3)


def test_the_end_is_final_when_the_program_says_so() -> None:
    hand = Hand(Script(do("a"), {"a": lambda value: End(value)})).done("a", 1)
    assert hand.final == ("completed", 1)
    assert hand.play(e.RunDone(1)).run.status == "completed"


def test_a_program_that_cannot_be_made_fails_its_run() -> None:
    class Broken(Script):
        def play(self, input: Any) -> Any:
            raise ValueError("no such input")

    kind, error = Hand(Broken([])).final
    assert (kind, error.type, error.message) == ("failed", "ValueError", "no such input")


@pytest.mark.parametrize("when", ["begin", "done", "failed"])
def test_a_program_that_raises_fails_its_run(when: str) -> None:
    def broken(_: Any) -> Any:
        raise KeyError("here")

    script = Script(broken if when == "begin" else do("a"), {"a": broken}, {"a": broken})
    hand = Hand(script)
    if when == "done":
        hand.done("a")
    elif when == "failed":
        hand.start("a").fail("a")
    kind, error = hand.final
    assert (kind, error.type, error.message) == ("failed", "KeyError", "'here'")


@pytest.mark.parametrize("when", ["begin", "done", "failed"])
def test_a_program_that_sees_it_is_not_the_one_that_was_recorded_stops_everything(when: str) -> None:
    def other(_: Any) -> Any:
        raise Nondeterminism("another log")

    def play() -> None:
        hand = Hand(Script(other if when == "begin" else do("a"), {"a": other}, {"a": other}))
        if when == "done":
            hand.done("a")
        else:
            hand.start("a").fail("a")

    with pytest.raises(Nondeterminism, match="another log"):
        play()


# ── stuck ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_program_that_asks_for_nothing_is_stuck() -> None:
    kind, error = Hand(Script([])).final
    assert (kind, error.cause, error.type) == ("failed", "stuck", "penstock.errors.Stuck")
    assert "'script' asked for nothing more and did not end" in error.message


def test_a_program_that_stops_asking_is_stuck_when_its_last_step_is_done() -> None:
    hand = Hand(Script([do("a"), do("b")])).done("a")
    assert hand.final is None
    assert hand.done("b").final[1].cause == "stuck"


def test_a_program_that_swallows_its_last_failure_is_stuck() -> None:
    assert Hand(Script(do("a"), failed={"a": []})).start("a").fail("a").final[1].cause == "stuck"


def test_a_program_that_stops_its_only_step_is_stuck_once_that_has_stopped() -> None:
    hand = Hand(Script([do("a"), do("b")], {"b": Stop("a")})).start("a").done("b")
    assert hand.final is None
    assert hand.play(e.StepCancelled("a")).final[1].cause == "stuck"


# ── draining ────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_failure_drops_what_did_not_start_and_waits_for_what_runs() -> None:
    hand = Hand(Script([do("a"), do("b"), do("c")])).start("a", "b").fail("a")
    assert hand.open == {"b": "running"}
    assert (hand.final, hand.stops) == (None, [])
    assert hand.end("b", 2).final[0] == "failed"


def test_what_ends_while_a_run_drains_is_not_told() -> None:
    hand = Hand(Script([do("a"), do("b")])).start("a", "b").fail("a").end("b")
    assert [what[:2] for what in hand.heard] == [("failed", "a")]


def test_a_second_failure_while_draining_does_not_replace_the_first() -> None:
    hand = Hand(Script([do("a"), do("b")])).start("a", "b").fail("a", oops("first")).fail("b", oops("second"))
    assert hand.final[1].message == "first"


def test_a_failure_says_at_which_step_it_happened() -> None:
    assert Hand(Script(do("a"))).start("a").fail("a").final[1].step == "a"


def test_a_program_may_go_on_after_a_failure() -> None:
    hand = Hand(Script(do("a"), {"b": End("well")}, {"a": do("b")})).start("a").fail("a").done("b")
    assert hand.final == ("completed", "well")


def test_an_end_stops_what_still_runs_and_waits_for_it() -> None:
    hand = Hand(Script([do("a"), do("b"), do("c")], {"a": End("won")})).start("a", "b").end("a")
    assert (hand.open, hand.stops, hand.final) == ({"b": "running"}, ["b"], None)
    assert hand.play(e.StepCancelled("b")).final == ("completed", "won")


def test_what_was_to_stop_but_was_done_before_is_recorded_and_changes_nothing() -> None:
    hand = Hand(Script([do("a"), do("b")], {"a": End("won")})).start("a", "b").end("a").end("b", 9)
    assert hand.final == ("completed", "won")
    assert hand.run.finished["b"].value == 9


def test_a_failed_end_is_said_by_the_program_itself() -> None:
    hand = Hand(Script(do("a"), {"a": Fail(oops("by hand"))})).done("a")
    assert hand.final[0] == "failed"
    assert hand.final[1].message == "by hand"


# ── stop and skip ───────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_step_that_did_not_start_is_stopped_on_the_spot() -> None:
    hand = Hand(Script([do("a"), do("b")], {"a": [Stop("b"), do("c")]})).done("a")
    assert hand.open == {"c": "ready"}
    assert hand.run.finished["b"].status == "cancelled"


def test_a_running_step_is_stopped_by_the_engine_and_its_program_hears_no_more() -> None:
    hand = Hand(Script([do("a"), do("b")], {"a": [Stop("b"), do("c")]})).start("b").done("a")
    assert hand.stops == ["b"]
    hand.play(e.StepCancelled("b"))
    assert (hand.open, [key for _, key, _ in hand.heard]) == ({"c": "ready"}, ["a"])


def test_stopping_what_is_not_there_means_nothing() -> None:
    assert Hand(Script([do("a"), Stop("ghost")])).open == {"a": "ready"}


def test_a_skip_is_recorded_with_its_reason() -> None:
    hand = Hand(Script([Skip("b", "not today"), do("a")]))
    assert hand.run.skipped == {"b": "not today"}
    assert hand.log[-1][2] == e.StepSkipped("b", "not today")


def test_a_skip_in_the_log_that_the_program_did_not_decide_is_refused() -> None:
    with pytest.raises(Nondeterminism, match="skips step 'a'"):
        Hand(Script(do("a"))).play(e.StepSkipped("a"))


# ── what a program may not do ───────────────────────────────────────────────────────────────────────────────────────


def asking(*asks: Any) -> str:
    """Why a run failed whose program asked for these."""
    kind, error = Hand(Script(list(asks))).final
    assert kind == "failed"
    return f"{error.type}: {error.message}"


def test_two_open_steps_may_not_have_one_name() -> None:
    assert "step 'a' was asked for twice; every step needs a name of its own" in asking(do("a"), do("a"))


def test_nothing_may_be_asked_after_the_end() -> None:
    assert "after it had ended" in asking(End(), do("a"))


def test_what_is_no_ask_is_refused() -> None:
    assert "'please', which is no ask" in asking("please")


# ── the log ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_same_log_gives_the_same_state() -> None:
    hand = Hand(Script([do("a"), do("b")], {"a": do("c")})).start("b").done("a", 1).start("c")
    replayed = hand.again()
    assert {name: step.status for name, step in replayed.open.items()} == hand.open
    assert (replayed.sequence, replayed.at, replayed.running) == (hand.sequence, hand.now, 2)


def test_a_hole_in_a_log_is_refused() -> None:
    hand = Hand(Script(do("a"))).start("a")
    with pytest.raises(InvariantBroken, match="event 3 follows event 1"):
        fold(Run("r", hand.script), [hand.log[0], (3, 9.0, e.StepDone("a", None, 1))])


def test_a_step_nobody_asked_for_is_refused_by_name() -> None:
    with pytest.raises(Nondeterminism, match=r"speaks of step 'ghost'.*open are: a, b"):
        Hand(Script([do("a"), do("b")])).start("ghost")


def test_a_step_of_a_run_with_nothing_open_is_refused_too() -> None:
    with pytest.raises(Nondeterminism, match="open are: none"):
        Hand(Script(End())).start("ghost")


def test_running_steps_are_counted() -> None:
    hand = Hand(Script([do("a"), do("b"), do("c"), do("d")])).start("a", "b", "c", "d")
    assert hand.run.running == 4
    hand.end("a").fail("b", retry_at=99.0).play(e.StepCancelled("c"))
    assert hand.run.running == 1


def test_a_program_that_keeps_nothing_has_no_finished_steps() -> None:
    hand = Hand(Script([do("a"), do("b")], {"a": do("c")}, keep=False)).done("a").done("b")
    assert (hand.run.finished, list(hand.open)) == ({}, ["c"])


def test_a_step_may_take_its_value_from_another_run() -> None:
    hand = Hand(Script(do("a"), {"a": lambda value: End(value)})).play(e.StepReused("a", 5, "other"))
    assert hand.final == ("completed", 5)
    assert hand.run.finished["a"].status == "reused"


def test_a_new_owner_is_remembered_by_its_epoch() -> None:
    assert Hand(Script(do("a")), epoch=1).play(e.Owned(4, "other")).run.epoch == 4


def test_the_forgiven_failures_of_a_log_are_those_of_all_its_reopenings() -> None:
    assert forgiven_in([e.RunReopened([3, 4]), e.Resumed(), e.RunReopened([9])]) == {3, 4, 9}


def test_steps_are_shown_with_name_item_and_state() -> None:
    hand = Hand(Script(do("a")))
    assert repr(hand.run.open["a"]) == "<Step a ready>"


def test_a_script_s_function_does_nothing() -> None:
    assert nothing(1, x=2) is None
