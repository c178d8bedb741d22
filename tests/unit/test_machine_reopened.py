"""Reopening a failed run is a replay that reads the failures that brought it down as retries."""

from __future__ import annotations

from typing import Any

import pytest

from penstock.model import events as e
from penstock.model.machine import Run, evolve
from penstock.model.policies import Policy, RetryPolicy
from penstock.model.program import Do, End, Fail, Map, Open, Skip, Wait
from tests.unit.scripted import Hand, Script, do, nothing, oops


def blamed(hand: Hand) -> list[int]:
    """The sequences that a RunFailed of this run names."""
    assert hand.run.root is not None
    return list(hand.run.root.blame)


def reopened(hand: Hand) -> Run:
    """The run as it is once it was failed, read again with its blame forgiven, and reopened."""
    forgiven = blamed(hand)
    hand.play(e.RunFailed(hand.final[1], forgiven))
    run = hand.again(*forgiven)
    evolve(run, e.Owned(2), hand.now)
    evolve(run, e.RunReopened(forgiven), hand.now)
    return run


def states(run: Run) -> dict[str, str]:
    return {name: step.status for name, step in run.open.items()}


def ready_items(run: Run, name: str = "m") -> list[int]:
    family = run.open[name].family
    assert family is not None
    return [item for item, step in family.active.items() if step.status == "ready"]


def test_the_failed_step_is_ready_again_and_what_was_done_stays_done() -> None:
    hand = Hand(Script(do("a"), {"a": do("b")})).done("a").start("b").fail("b")
    run = reopened(hand)
    assert (run.status, states(run)) == ("running", {"b": "ready"})
    assert run.finished["a"].status == "completed"
    assert run.final is None


def test_its_retries_are_counted_anew() -> None:
    policy = Policy(retry=RetryPolicy(attempts=2))
    hand = Hand(Script(do("a", policy))).start("a").fail("a", retry_at=0.0).start("a", attempt=2).fail("a")
    step = reopened(hand).open["a"]
    assert (step.failures, step.attempt) == (0, 2)


def test_what_the_failure_had_dropped_is_asked_for_again() -> None:
    hand = Hand(Script([do("a"), do("b")])).start("a").fail("a")
    assert states(reopened(hand)) == {"a": "ready", "b": "ready"}


def test_what_drained_and_was_done_meanwhile_is_told_now() -> None:
    hand = Hand(Script([do("a"), do("b")], {"b": do("c")})).start("a", "b").fail("a").end("b")
    assert states(reopened(hand)) == {"a": "ready", "c": "ready"}


def test_what_failed_while_it_drained_is_forgiven_too() -> None:
    hand = Hand(Script([do("a"), do("b")])).start("a", "b").fail("a").fail("b")
    assert blamed(hand) == [4, 5]
    assert states(reopened(hand)) == {"a": "ready", "b": "ready"}


def test_what_was_lost_while_it_drained_runs_again() -> None:
    hand = Hand(Script([do("a"), do("b")])).start("a", "b").fail("a").play(e.StepCancelled("b"))
    assert states(reopened(hand)) == {"a": "ready", "b": "ready"}


def test_a_failure_that_the_program_lived_with_is_not_forgiven() -> None:
    script = Script([do("a"), do("b")], failed={"a": []})
    hand = Hand(script).start("a").fail("a").start("b").fail("b")
    run = reopened(hand)
    assert (states(run), run.finished["a"].status) == ({"b": "ready"}, "failed")


def test_a_program_names_the_failures_it_collected() -> None:
    collected = {"a": [], "b": lambda error: Fail(error, ["a", "b", "ghost"])}
    hand = Hand(Script([do("a"), do("b")], failed=collected)).start("a").fail("a").start("b").fail("b")
    assert states(reopened(hand)) == {"a": "ready", "b": "ready"}


# ── inside ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_failure_inside_scopes_is_found_at_its_depth() -> None:
    deep = Script(Open("in", Script(do("x"), {"x": End()})), {"in": End()})
    hand = Hand(Script(Open("sub", deep))).start("sub/in/x").fail("sub/in/x")
    run = reopened(hand)
    assert (states(run), list(run.scopes)) == ({"sub/in/x": "ready"}, ["sub/", "sub/in/"])


def test_what_drained_in_an_inner_scope_is_forgiven_with_it() -> None:
    sub = Script([do("x"), do("y")])
    hand = Hand(Script([do("a"), Open("sub", sub)])).start("a", "sub/x").fail("a").fail("sub/x")
    assert states(reopened(hand)) == {"a": "ready", "sub/x": "ready", "sub/y": "ready"}


def test_a_failed_item_runs_again_and_only_it() -> None:
    hand = Hand(Script(Map("m", nothing, [1, 2, 3], "x")))
    hand.start("m", item=0).start("m", item=1).done("m", "c", 2).fail("m", item=0).end("m", "b", 1)
    run = reopened(hand)
    assert ready_items(run) == [0]
    family = run.open["m"].family
    assert family is not None
    assert family.results == [None, "b", "c"]


def test_all_items_that_failed_run_again() -> None:
    hand = Hand(Script(Map("m", nothing, [1, 2], "x"))).start("m", item=0).start("m", item=1)
    hand.fail("m", item=1).fail("m", item=0)
    assert sorted(ready_items(reopened(hand))) == [0, 1]


def test_collected_failures_stay_in_their_places() -> None:
    script = Script([Map("m", nothing, [1, 2], "x", partial="collect"), do("a")])
    hand = Hand(script).start("m", item=0).fail("m", item=0).start("a").fail("a")
    assert ready_items(reopened(hand)) == [1]


def test_an_item_that_failed_only_because_all_was_ending_runs_again() -> None:
    script = Script([Map("m", nothing, [1], "x", partial="collect"), do("a")])
    hand = Hand(script).start("m", item=0).start("a").fail("a").fail("m", item=0)
    assert ready_items(reopened(hand)) == [0]


# ── from outside ────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_run_past_its_deadline_goes_on_with_what_was_stopped() -> None:
    hand = Hand(Script([do("a"), do("b")]), deadline=50.0).start("a").play(e.Noted("deadline"))
    hand.fail("a", oops("stopped", "timeout"))
    run = reopened(hand)
    assert (states(run), run.deadline) == ({"a": "ready", "b": "ready"}, None)


def test_a_wait_that_took_too_long_waits_again_as_long_as_before() -> None:
    hand = Hand(Script(Wait("w", "go", 10.0), {"w": lambda value: End(value)}))
    hand.play(e.StepFailed("w", None, 0, oops("late", "timeout")), at=20.0)
    run = reopened(hand)
    assert (states(run), run.open["w"].due) == ({"w": "waiting"}, 31.0)
    assert run.open["w"] in run.news.timers
    evolve(run, e.Signalled("go", 5), 25.0)
    assert run.final == ("completed", 5)


def test_the_hook_of_a_failure_that_is_forgiven_did_not_happen() -> None:
    script = Script(do("a"), {"a": End()}, hooks={"failed": Do("@on_failure", nothing)})
    hand = Hand(script).start("a").fail("a").start("@on_failure").fail("@on_failure", retry_at=0.0)
    hand.start("@on_failure", attempt=2).end("@on_failure")
    run = reopened(hand)
    assert (states(run), run.closing) == ({"a": "ready"}, None)


def test_a_cancelled_hook_of_a_forgiven_failure_did_not_happen_either() -> None:
    script = Script(do("a"), {"a": End()}, hooks={"failed": Do("@on_failure", nothing)})
    hand = Hand(script).start("a").fail("a").play(e.StepCancelled("@on_failure"))
    hand.run.final = ("failed", oops())
    assert states(reopened(hand)) == {"a": "ready"}


def test_the_hook_runs_again_if_the_run_fails_again() -> None:
    script = Script(do("a"), {"a": End()}, hooks={"failed": Do("@on_failure", nothing)})
    hand = Hand(script).start("a").fail("a").done("@on_failure")
    run = reopened(hand)
    evolve(run, e.StepStarted("a", None, 2), 30.0)
    evolve(run, e.StepFailed("a", None, 2, oops()), 31.0)
    assert states(run) == {"@on_failure": "ready"}


def test_skips_that_only_the_forgiven_reading_brings_are_left_to_record() -> None:
    script = Script([do("a"), do("b")], {"b": [Skip("c", "why not"), do("d")]})
    hand = Hand(script).start("a", "b").fail("a").end("b")
    assert reopened(hand).news.said == [e.StepSkipped("c", "why not")]


def test_skips_that_are_in_the_log_are_not_recorded_twice() -> None:
    script = Script([do("a"), Skip("c"), Open("sub", Script(do("x")))])
    hand = Hand(script).start("a").fail("a")
    assert reopened(hand).news.said == []


@pytest.mark.parametrize("times", [2, 3])
def test_a_run_may_be_reopened_more_than_once(times: int) -> None:
    script = Script(do("a"), {"a": End()})
    hand = Hand(script)
    forgiven: list[int] = []
    for attempt in range(1, times + 1):
        forgiven.append(hand.start("a", attempt=attempt).sequence + 1)
        hand.fail("a")
        hand.play(e.RunFailed(hand.final[1], [forgiven[-1]]))
        hand.run = hand.again(*forgiven)
        hand.play(e.Owned(attempt + 1), e.RunReopened([forgiven[-1]]))
    assert hand.open == {"a": "ready"}
    assert hand.start("a", attempt=9).end("a").final == ("completed", None)


def test_without_anything_to_forgive_a_replay_fails_again() -> None:
    def broken(_: Any) -> Any:
        raise ValueError("the program itself")

    hand = Hand(Script(do("a"), {"a": broken})).done("a")
    assert blamed(hand) == []
    assert hand.again().final[0] == "failed"
