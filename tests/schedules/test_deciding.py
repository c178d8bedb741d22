"""Which of the moments that are due become runs: catching up, overlap, jitter, bounds. Pure."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.app.scheduling.rules import Every, Once, upcoming
from penstock.app.scheduling.schedule import (
    GRACE_SECONDS,
    Decision,
    Schedule,
    awaiting,
    decide,
    due_of,
    next_due,
)

MINUTELY = Every(60.0, 0.0)


def schedule(**how: Any) -> Schedule:
    said = {"name": "s", "workflow": "w", "rule": MINUTELY, "next": 60.0, **how}
    return awaiting(Schedule(**said), said["next"])


def decided(found: Schedule, now: float, *, last_is_over: bool = True) -> Decision:
    decision = decide(found, now, last_is_over=last_is_over)
    assert decision is not None
    return decision


def test_nothing_is_decided_before_its_time() -> None:
    assert decide(schedule(), 59.9, last_is_over=True) is None
    assert decided(schedule(), 60.0).fire == (60.0,)


def test_what_was_decided_is_not_decided_again() -> None:
    after = decided(schedule(), 60.0).schedule
    assert (after.next, after.last, after.fired, after.left_out) == (120.0, 60.0, 1, 0)
    assert decide(after, 60.0, last_is_over=True) is None


@pytest.mark.parametrize(
    ("catch_up", "fired"),
    [
        ("none", (600.0,)),
        ("latest", (600.0,)),
        ("all", (60.0, 120.0, 180.0, 240.0, 300.0, 360.0, 420.0, 480.0, 540.0, 600.0)),
    ],
)
def test_moments_in_time_are_fired_and_missed_ones_as_it_was_said(
    catch_up: str, fired: tuple[float, ...]
) -> None:
    decision = decided(schedule(catch_up=catch_up), 601.0)
    assert (decision.fire, decision.left_out) == (fired, 10 - len(fired))
    assert decision.schedule.next == 660.0


@pytest.mark.parametrize(
    ("catch_up", "fired"), [("none", ()), ("latest", (600.0,)), ("all", (480.0, 540.0, 600.0))]
)
def test_when_all_were_missed(catch_up: str, fired: tuple[float, ...]) -> None:
    decision = decided(schedule(catch_up=catch_up, at_most=3), 600.0 + GRACE_SECONDS + 1)
    assert (decision.fire, decision.left_out) == (fired, 10 - len(fired))


def test_what_comes_within_the_grace_is_not_missed() -> None:
    assert decided(schedule(catch_up="none"), 60.0 + GRACE_SECONDS).fire == (60.0,)


def test_years_of_short_intervals_are_decided_at_once() -> None:
    often = schedule(rule=Every(0.1, 0.0), next=0.0, catch_up="all", at_most=5)
    decision = decided(often, 1e9)
    assert len(decision.fire) == 5 + 101
    assert decision.left_out == 10_000_000_001 - 106


def test_overlap_allows_skips_or_replaces() -> None:
    three = {"rule": Every(1.0, 0.0), "next": 1.0}
    assert decided(schedule(**three), 3.0, last_is_over=False).fire == (1.0, 2.0, 3.0)
    for over, fired in [(True, (1.0,)), (False, ())]:
        decision = decided(schedule(**three, overlap="skip"), 3.0, last_is_over=over)
        assert (decision.fire, decision.left_out) == (fired, 3 - len(fired))
    assert decided(schedule(**three, overlap="cancel"), 3.0, last_is_over=False).fire == (3.0,)


@given(
    seconds=st.sampled_from([0.1, 0.25, 7.0, 60.0]),
    waits=st.lists(st.floats(0.0, 300.0), min_size=1, max_size=12),
    overs=st.lists(st.booleans(), min_size=12, max_size=12),
    policies=st.sampled_from(
        [("none", "allow"), ("latest", "skip"), ("latest", "cancel"), ("all", "allow"), ("none", "skip")]
    ),
    jitter=st.sampled_from([0.0, 0.05, 20.0]),
)
def test_whenever_one_looks_each_moment_is_decided_once_and_in_order(
    seconds: float, waits: list[float], overs: list[bool], policies: tuple[str, str], jitter: float
) -> None:
    rule, (catch_up, overlap), now = Every(seconds, 0.0), policies, 0.0
    found = schedule(rule=rule, next=seconds, catch_up=catch_up, overlap=overlap, jitter=jitter, at_most=7)
    fired: list[float] = []
    for wait, over in zip(waits, overs, strict=False):
        now += wait
        decision = decide(found, now, last_is_over=over)
        if decision is not None:
            fired += decision.fire
            found = decision.schedule
    assert fired == sorted(set(fired))
    assert found.next is not None
    assert found.due is not None
    assert found.due > now  # nothing is left to decide
    assert found.fired == len(fired)
    assert found.fired + found.left_out == round(found.next / seconds) - 1
    assert not fired or (found.last == fired[-1] <= now)


def test_what_is_paused_or_done_is_never_due() -> None:
    assert next_due(schedule(paused=True)) is None
    assert decide(schedule(paused=True), 1e9, last_is_over=True) is None
    once = decided(schedule(rule=Once(60.0)), 60.0).schedule
    assert (once.next, next_due(once)) == (None, None)


def test_nothing_is_due_after_its_bound() -> None:
    last = decided(schedule(until=130.0, catch_up="all"), 1_000.0)
    assert (last.fire, last.schedule.next) == ((60.0, 120.0), None)


def test_jitter_is_the_same_whoever_asks_differs_by_name_and_never_reaches_the_next_moment() -> None:
    one, other = schedule(jitter=30.0), schedule(jitter=30.0, name="t")
    moments = [60.0 * n for n in range(1, 201)]
    late = [due_of(one, moment) - moment for moment in moments]
    assert late == [due_of(one, moment) - moment for moment in moments]
    assert late != [due_of(other, moment) - moment for moment in moments]
    assert 0.0 <= min(late) < 3.0
    assert 27.0 < max(late) < 30.0
    wide = [due_of(schedule(jitter=1e6), moment) for moment in moments]
    assert all(due < moment + 60.0 for due, moment in zip(wide, moments, strict=True))


def test_with_jitter_each_moment_is_fired_when_it_is_due() -> None:
    found, now, fired = schedule(jitter=60.0, catch_up="none"), 0.0, []
    for moment in upcoming(MINUTELY, 0.0):
        if moment > 3_000.0:
            break
        due = next_due(found)
        assert due == due_of(found, moment)
        assert decide(found, due - 0.001, last_is_over=True) is None
        now = due
        decision = decided(found, now)
        fired += decision.fire
        found = decision.schedule
    assert fired == [60.0 * n for n in range(1, 51)]
