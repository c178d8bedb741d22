"""Maps: a window of items in flight, results in order, one failure that fails the whole or is collected."""

from __future__ import annotations

from typing import Any

import pytest

from penstock.errors import Nondeterminism
from penstock.model import events as e
from penstock.model.failure import Failure
from penstock.model.program import Ask, End, Map, Plan, Stop
from penstock.model.state import CANCELLED, COMPLETED, FAILED
from tests.unit.scripted import Hand, Script, do, nothing, oops


def over(items: int, *, window: int = 256, partial: Any = "fail") -> Map:
    return Map("m", nothing, list(range(items)), "x", {}, window, partial)


def mapping(items: int, *also: Any, **how: Any) -> Hand:
    """A run of one map, whose results are the run's."""
    return Hand(Script([over(items, **how), *also], {"m": lambda value: End(value)}))


def marks(hand: Hand) -> list[int]:
    family = hand.run.open["m"].family
    assert family is not None
    return list(family.marks)


def test_every_item_is_ready_under_one_name() -> None:
    hand = mapping(3)
    assert (hand.ready, hand.open) == (["m[0]", "m[1]", "m[2]"], {"m": "waiting"})


def test_results_come_in_the_order_of_items_whatever_the_order_of_ends() -> None:
    hand = mapping(3)
    for item in (2, 0, 1):
        hand.done("m", item * 10, item)
    assert hand.final == ("completed", [0, 10, 20])


def test_at_most_a_window_of_items_is_under_way() -> None:
    hand = mapping(5, window=2)
    assert hand.ready == ["m[0]", "m[1]"]
    hand.done("m", item=1)
    assert hand.ready == ["m[2]"]
    hand.done("m", item=0).done("m", item=2)
    assert hand.ready == ["m[3]", "m[4]"]
    assert hand.done("m", item=4).final is None
    assert hand.done("m", item=3).final[0] == "completed"


def test_a_map_over_nothing_is_done_at_once() -> None:
    assert mapping(0).final == ("completed", [])


def test_a_map_over_nothing_that_is_stopped_in_the_same_breath_says_nothing() -> None:
    hand = Hand(Script([over(0), Stop("m"), do("a")]))
    assert (hand.heard, hand.open) == ([], {"a": "ready"})


def test_an_item_is_tried_again_in_its_place() -> None:
    hand = mapping(2).start("m", item=0).fail("m", item=0, retry_at=3.0)
    assert hand.ready == ["m[0]", "m[1]", "m[0]"]
    hand.start("m", item=0, attempt=2).end("m", "late", 0).done("m", "other", 1)
    assert hand.final == ("completed", ["late", "other"])


def test_an_item_waits_for_its_retry() -> None:
    hand = mapping(1).start("m", item=0).fail("m", item=0, retry_at=50.0)
    family = hand.run.open["m"].family
    assert family is not None
    assert (family.active[0].status, family.active[0].due) == ("waiting", 50.0)
    with pytest.raises(Nondeterminism, match="starts step 'm', which is waiting"):
        hand.start("m", item=0)


def test_a_failed_item_fails_the_map_when_what_runs_has_ended() -> None:
    hand = mapping(4, window=3).start("m", item=0).start("m", item=1).fail("m", oops("bad"), item=0)
    assert hand.final is None
    assert marks(hand) == [FAILED, 1, CANCELLED, 0]
    hand.end("m", item=1)
    kind, error = hand.final
    assert (kind, error.message, error.step) == ("failed", "bad", "m[0]")


def test_the_first_failed_item_is_the_one_that_is_told() -> None:
    hand = mapping(2).start("m", item=0).start("m", item=1)
    hand.fail("m", oops("one"), item=1).fail("m", oops("zero"), item=0)
    assert hand.final[1].step == "m[1]"


def test_an_item_that_waits_for_its_retry_is_dropped_by_another_s_failure() -> None:
    hand = mapping(2).start("m", item=0).start("m", item=1)
    hand.fail("m", item=0, retry_at=99.0).fail("m", item=1)
    assert hand.final[0] == "failed"


def test_a_map_that_collects_puts_failures_in_their_places() -> None:
    hand = mapping(3, partial="collect").done("m", "a", 0).start("m", item=1).fail("m", oops("b"), item=1)
    hand.done("m", "c", 2)
    kind, (first, second, third) = hand.final
    assert (kind, first, third) == ("completed", "a", "c")
    assert isinstance(second, Failure)
    assert (second.message, second.step) == ("b", "m[1]")


def test_a_map_that_collects_goes_on_after_failures() -> None:
    hand = mapping(3, window=1, partial="collect").start("m", item=0).fail("m", item=0)
    assert hand.ready == ["m[0]", "m[1]"]


def test_a_stopped_map_stops_its_items_and_starts_no_more() -> None:
    hand = Hand(Script([over(4, window=3), do("a")], {"a": [Stop("m"), do("b")]})).start("m", item=0)
    hand.start("m", item=1).done("a")
    assert hand.stops == ["m[0]", "m[1]"]
    hand.play(e.StepCancelled("m", 0)).end("m", "late", 1)
    assert (hand.open, [key for _, key, _ in hand.heard]) == ({"b": "ready"}, ["a"])
    assert hand.run.finished["m"].status == "cancelled"


def test_a_stopped_map_of_which_nothing_runs_is_gone_at_once() -> None:
    hand = Hand(Script([over(2), do("a")], {"a": [Stop("m"), do("b")]})).done("a")
    assert hand.open == {"b": "ready"}


def test_a_map_drains_when_something_else_fails() -> None:
    hand = Hand(Script([over(3), do("a")])).start("m", item=0).start("a").fail("a")
    assert (hand.stops, hand.final) == ([], None)
    assert hand.end("m", item=0).final[0] == "failed"


def test_a_cancelled_run_stops_its_items() -> None:
    hand = mapping(3).start("m", item=1).play(e.CancelAsked())
    assert hand.stops == ["m[1]"]
    assert hand.play(e.StepCancelled("m", 1)).final[0] == "cancelled"


def test_an_item_that_is_not_in_flight_is_refused() -> None:
    hand = mapping(3, window=1)
    with pytest.raises(Nondeterminism, match="item 2 of 'm', which is not in flight"):
        hand.start("m", item=2)


def test_an_item_is_shown_with_its_number() -> None:
    family = mapping(2).run.open["m"].family
    assert family is not None
    assert repr(family.active[1]) == "<Step m[1] ready>"


def test_a_million_items_hold_memory_for_a_window_of_steps_only() -> None:
    hand = mapping(1_000_000, window=10)
    family = hand.run.open["m"].family
    assert family is not None
    assert (len(family.active), len(hand.open), len(family.marks)) == (10, 1, 1_000_000)


def test_three_thousand_empty_maps_follow_one_another_without_recursion() -> None:
    class Emptying(Plan):
        name = "emptying"

        def play(self, input: Any) -> Any:
            return self

        def begin(self, at: float) -> list[Ask]:
            return [Map("0", nothing, [])]

        def done(self, key: str, value: Any, at: float) -> list[Ask]:
            return [End(key)] if key == "3000" else [Map(str(int(key) + 1), nothing, [])]

    assert Hand(Emptying()).final == ("completed", "3000")


def test_a_replay_tells_the_same_of_every_item() -> None:
    hand = (
        mapping(3, partial="collect").done("m", 1, 2).start("m", item=0).fail("m", item=0).start("m", item=1)
    )
    live, replayed = hand.run.open["m"].family, hand.again().open["m"].family
    assert live is not None
    assert replayed is not None
    assert (live.marks, live.done, live.next) == (replayed.marks, replayed.done, replayed.next)
    assert [step.status for step in replayed.active.values()] == ["running"]
    assert COMPLETED in replayed.marks
