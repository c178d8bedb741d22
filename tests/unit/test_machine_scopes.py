"""Programs inside programs: scopes open and end, drain and stop, and nest as deep as they like."""

from __future__ import annotations

import sys
from typing import Any

import pytest

from penstock.errors import Nondeterminism
from penstock.model import events as e
from penstock.model.program import Ask, End, Fail, Open, Plan, Stop
from tests.unit.scripted import Hand, Script, do, oops


def inner(key: str = "x", *, name: str = "inner", **more: Any) -> Script:
    """A program of one step, whose value is its own."""
    return Script(do(key), {key: lambda value: End(value)}, name=name, **more)


# ── opening ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_scope_s_steps_bear_its_path() -> None:
    assert Hand(Script(Open("sub", inner()))).open == {"sub/x": "ready"}


def test_a_scope_s_value_is_the_value_of_its_step() -> None:
    hand = Hand(Script(Open("sub", inner()), {"sub": lambda value: End(value)})).done("sub/x", 3)
    assert hand.final == ("completed", 3)


def test_a_scope_is_given_its_input() -> None:
    taking = Script(lambda input: do(f"x{input}"))
    assert Hand(Script(Open("sub", taking, 7))).open == {"sub/x7": "ready"}


def test_the_opening_is_recorded_with_what_was_asked_first() -> None:
    opened = Hand(Script(Open("sub", inner()))).log[-1][2]
    assert isinstance(opened, e.Opened)
    assert (opened.step, opened.asks, len(opened.digest)) == ("sub", ["Do x"], 16)


def test_a_scope_that_asks_otherwise_in_a_replay_is_refused_with_both_sides() -> None:
    hand = Hand(Script(Open("sub", inner("x"))))
    hand.script = Script(Open("sub", inner("y")))
    with pytest.raises(Nondeterminism, match=r"scope 'sub' was built otherwise.*then: Do x; now: Do y"):
        hand.again()


def test_two_scopes_of_one_name_may_not_be_open_together() -> None:
    kind, error = Hand(Script([Open("sub", inner()), Open("sub", inner())])).final
    assert kind == "failed"
    assert "scope 'sub/' was opened twice" in error.message


def test_a_scope_may_end_in_the_moment_it_opens() -> None:
    script = Script(Open("sub", Script(End(1))), {"sub": lambda value: End(value + 1)})
    assert Hand(script).final == ("completed", 2)


def test_a_scope_whose_program_cannot_be_made_fails_who_opened_it() -> None:
    class Broken(Script):
        def play(self, input: Any) -> Any:
            raise ValueError("no")

    assert Hand(Script(Open("sub", Broken([])))).final[1].type == "ValueError"


def test_a_scope_that_is_stuck_fails_by_its_own_name() -> None:
    kind, error = Hand(Script(Open("sub", Script([])))).final
    assert (kind, error.cause) == ("failed", "stuck")
    assert "'sub' asked for nothing more" in error.message


def test_a_program_is_stuck_whose_scope_ended_without_an_answer() -> None:
    hand = Hand(Script(Open("sub", inner()))).done("sub/x")
    assert "'script' asked for nothing more" in hand.final[1].message


# ── failing ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_failure_inside_fails_the_outer_program_and_names_the_step() -> None:
    hand = Hand(Script(Open("sub", inner()))).start("sub/x").fail("sub/x")
    assert hand.final[1].step == "sub/x"


def test_a_failure_inside_may_be_swallowed_outside() -> None:
    script = Script(Open("sub", inner()), failed={"sub": lambda error: End(error.message)})
    assert Hand(script).start("sub/x").fail("sub/x", oops("inside")).final == ("completed", "inside")


def test_an_inner_scope_drains_before_the_outer_hears_of_it() -> None:
    both = Script([do("x"), do("y")])
    hand = Hand(Script([Open("sub", both), do("a")])).start("sub/x", "sub/y").fail("sub/x")
    assert hand.heard == []
    assert hand.end("sub/y").heard[0][:2] == ("failed", "sub")


def test_an_outer_failure_drops_and_drains_what_is_inside() -> None:
    sub = Script([do("x"), do("y")])
    hand = Hand(Script([do("a"), Open("sub", sub)])).start("a", "sub/x").fail("a")
    assert (hand.open, hand.stops) == ({"sub/x": "running"}, [])
    assert hand.end("sub/x").final[0] == "failed"
    assert hand.run.scopes == {}


def test_an_outer_end_stops_what_is_inside_at_every_depth() -> None:
    deep = Script([do("x"), Open("in", inner("y"))])
    hand = (
        Hand(Script([do("a"), Open("sub", deep)], {"a": End("won")})).start("a", "sub/x", "sub/in/y").end("a")
    )
    assert sorted(hand.stops) == ["sub/in/y", "sub/x"]
    hand.play(e.StepCancelled("sub/x"))
    assert hand.final is None
    assert hand.play(e.StepCancelled("sub/in/y")).final == ("completed", "won")


def test_scopes_that_have_nothing_running_leave_with_the_end() -> None:
    deep = Script([do("x"), Open("in", inner("y"))])
    hand = Hand(Script([do("a"), Open("sub", deep)], {"a": End("won")})).done("a")
    assert (hand.final, hand.open, hand.run.scopes) == (("completed", "won"), {}, {})


def test_a_scope_that_was_draining_when_its_outer_scope_ended_leaves_quietly() -> None:
    sub = Script([do("x"), do("y")])
    hand = Hand(Script([do("a"), Open("sub", sub)], {"a": End(1)})).start("a", "sub/x", "sub/y").fail("sub/x")
    hand.end("a").play(e.StepCancelled("sub/y"))
    assert hand.final == ("completed", 1)
    assert [key for _, key, _ in hand.heard] == ["a"]


def test_a_scope_opened_by_an_answer_that_also_fails_never_begins() -> None:
    script = Script(do("a"), {"a": [Open("sub", inner()), Fail(oops("no"))]})
    hand = Hand(script).done("a")
    assert (hand.final[1].message, hand.open) == ("no", {})


# ── stopping a scope ────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_scope_can_be_stopped_like_a_step() -> None:
    script = Script([Open("sub", Script([do("x"), do("y")])), do("a")], {"a": [Stop("sub"), do("b")]})
    hand = Hand(script).start("sub/x").done("a")
    assert (hand.open, hand.stops) == ({"sub/x": "running", "b": "ready"}, ["sub/x"])
    hand.play(e.StepCancelled("sub/x"))
    assert [key for _, key, _ in hand.heard] == ["a"]
    assert hand.run.scopes == {}


def test_a_scope_in_which_nothing_runs_is_stopped_on_the_spot() -> None:
    script = Script([Open("sub", inner()), do("a")], {"a": [Stop("sub"), do("b")]})
    hand = Hand(script).done("a")
    assert (hand.open, hand.run.scopes) == ({"b": "ready"}, {})


def test_a_scope_stopped_before_it_began_never_begins() -> None:
    hand = Hand(Script([Open("sub", inner()), Stop("sub"), do("a")]))
    assert (hand.open, hand.run.scopes) == ({"a": "ready"}, {})


def test_a_program_whose_only_scope_was_stopped_is_stuck() -> None:
    assert Hand(Script([Open("sub", inner()), Stop("sub")])).final[1].cause == "stuck"


def test_a_program_whose_only_scope_was_stopped_while_it_ran_is_stuck_once_it_has() -> None:
    script = Script([Open("sub", inner()), do("a")], {"a": Stop("sub")})
    hand = Hand(script).start("sub/x").done("a")
    assert hand.final is None
    assert hand.play(e.StepCancelled("sub/x")).final[1].cause == "stuck"


# ── depth and length ────────────────────────────────────────────────────────────────────────────────────────────────

DEPTH = 2_000


class Nest(Plan):
    """A program in a program in a program; the innermost asks for one step."""

    name = "nest"

    def __init__(self, depth: int) -> None:
        self.depth = depth

    def play(self, input: Any) -> Any:
        if self.depth == 0:
            return inner().play(None)
        return Script(Open("n", Nest(self.depth - 1)), {"n": lambda value: End(value)}).play(None)


@pytest.fixture(scope="module")
def bottom() -> str:
    return "n/" * DEPTH + "x"


def test_two_thousand_levels_open_and_end_without_recursion(bottom: str) -> None:
    assert sys.getrecursionlimit() < DEPTH
    hand = Hand(Nest(DEPTH))
    assert list(hand.open) == [bottom]
    assert hand.done(bottom, 1).final == ("completed", 1)


def test_a_failure_two_thousand_levels_down_comes_up_without_recursion(bottom: str) -> None:
    assert Hand(Nest(DEPTH)).start(bottom).fail(bottom).final[1].step == bottom


def test_a_cancel_reaches_two_thousand_levels_down(bottom: str) -> None:
    hand = Hand(Nest(DEPTH)).start(bottom).play(e.CancelAsked())
    assert hand.stops == [bottom]
    assert hand.play(e.StepCancelled(bottom)).final[0] == "cancelled"


class Chain(Plan):
    """n steps, one after the other; `calls` counts what the program is told."""

    name = "chain"

    def __init__(self, steps: int) -> None:
        self.steps = steps
        self.calls = 0

    def play(self, input: Any) -> Any:
        return self

    def begin(self, at: float) -> list[Ask]:
        return [do("0")]

    def done(self, key: str, value: Any, at: float) -> list[Ask]:
        self.calls += 1
        following = int(key) + 1
        return [do(str(following)) if following < self.steps else End(following)]


def test_ten_thousand_steps_take_ten_thousand_answers_and_nothing_piles_up() -> None:
    chain = Chain(10_000)
    hand = Hand(chain)
    for number in range(10_000):
        hand.done(str(number))
        assert len(hand.open) <= 1
    assert (hand.final, chain.calls, hand.sequence) == (("completed", 10_000), 10_000, 20_001)


def lines_run(steps: int) -> int:
    """How many lines of the machine run to play a fan of so many steps: work counted, not timed."""
    script = Script([do(str(n)) for n in range(steps)])
    count = 0

    def trace(frame: Any, event: str, arg: Any) -> Any:
        nonlocal count
        if "penstock/model" not in frame.f_code.co_filename:
            return None
        count += event == "line"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        hand = Hand(script)
        for number in range(steps):
            hand.done(str(number))
    finally:
        sys.settrace(before)
    return count


@pytest.mark.skipif(sys.gettrace() is not None, reason="something else is counting lines")
def test_the_work_grows_with_the_number_of_steps_and_no_faster() -> None:
    few, many = lines_run(100), lines_run(1_000)
    assert many < few * 10.5
