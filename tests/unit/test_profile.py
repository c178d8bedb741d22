"""Where a run's time went: logs whose times are written by hand, so that every second is known."""

from __future__ import annotations

import pytest

from penstock.model import events as e
from penstock.model.profile import Profile, StepTimes, profile_of
from tests.unit.scripted import oops

Told = tuple[float, e.Event]

BEGUN = e.RunStarted("w", "", None)
NEEDS = {"a": [], "long": ["a"], "short": ["a"], "join": ["short", "long"]}


def profiled(*told: Told, needs: dict[str, list[str]] | None = None) -> Profile:
    return profile_of([(number, 1000.0 + at, event) for number, (at, event) in enumerate(told, 1)], needs)


def ran(step: str, start: float, end: float, item: int | None = None) -> list[Told]:
    return [(start, e.StepStarted(step, item)), (end, e.StepDone(step, item, None))]


def in_time(*parts: list[Told]) -> list[Told]:
    return sorted((told for part in parts for told in part), key=lambda told: told[0])


def step(profile: Profile, name: str) -> StepTimes:
    return next(each for each in profile.steps if each.step == name)


def of_branches(needs: dict[str, list[str]] | None = NEEDS) -> Profile:
    steps = in_time(ran("a", 1, 2), ran("long", 2, 8), ran("short", 3, 5), ran("join", 9, 10))
    return profiled((0, BEGUN), *steps, (10, e.RunDone(None)), needs=needs)


def test_the_steps_that_took_most_come_first() -> None:
    profile = of_branches()
    assert [each.step for each in profile.slowest()] == ["long", "short", "a", "join"]
    assert [each.seconds for each in profile.slowest()] == [6, 2, 1, 1]
    assert [each.share for each in profile.slowest()] == [0.6, 0.2, 0.1, 0.1]


def test_the_critical_path_is_the_longest_chain_of_dependent_steps() -> None:
    profile = of_branches()
    assert profile.critical == ["a", "long", "join"]
    assert profile.critical_seconds == 8


def test_a_branch_that_ends_last_but_took_less_is_not_critical() -> None:
    one_by_one = [*ran("a", 0, 1), *ran("long", 1, 6), *ran("short", 6, 8), *ran("join", 8, 9)]
    assert profiled((0, BEGUN), *one_by_one, needs=NEEDS).critical == ["a", "long", "join"]


def test_every_second_of_a_run_is_in_steps_waiting_or_outside() -> None:
    profile = of_branches()
    assert (profile.seconds, profile.in_steps, profile.waiting, profile.outside) == (10, 8, 0, 2)


def test_a_step_is_queued_from_the_end_of_what_it_depends_on_until_it_starts() -> None:
    profile = of_branches()
    assert [each.queued for each in profile.steps] == [1, 0, 1, 1]


def test_without_dependencies_there_are_times_only() -> None:
    profile = of_branches(needs=None)
    assert (profile.critical, profile.critical_seconds) == (None, None)
    assert {each.queued for each in profile.steps} == {None}
    assert profile.slowest()[0].step == "long"


def test_attempts_are_summed_up_and_the_waits_between_them_told_apart() -> None:
    again = [
        (0, BEGUN), (0, e.StepStarted("a")), (1, e.StepFailed("a", None, 1, oops(), 4.0)),
        (4, e.StepStarted("a", None, 2)), (6, e.StepDone("a", None, None)), (6, e.RunDone(None)),
    ]  # fmt: skip
    profile = profiled(*again, needs={"a": []})
    (a,) = profile.steps
    assert (a.attempts, a.seconds, a.retrying, a.active) == (2, 3, 3, 6)
    assert (profile.in_steps, profile.waiting, profile.outside) == (3, 3, 0)
    assert profile.critical_seconds == 6


def test_a_map_tells_of_its_items() -> None:
    items = in_time(ran("m", 0, 2, 0), ran("m", 0, 5, 1), ran("m", 2, 4, 2))
    (m,) = profiled((0, BEGUN), *items).steps
    assert m.items == (3, 9, 3, 1, 5)
    assert (m.seconds, m.active) == (9, 5)


def test_time_in_which_nobody_drove_the_run_is_told_apart() -> None:
    left = [
        (0, BEGUN), (0, e.StepStarted("a")), (2, e.StepDone("a", None, None)), (2, e.StepStarted("b")),
        (102, e.Owned(2)), (102, e.StepFailed("b", None, 1, oops(cause="lost"), 102.0)),
        (102, e.StepStarted("b", None, 2)), (105, e.StepDone("b", None, None)), (105, e.RunDone(None)),
    ]  # fmt: skip
    profile = profiled(*left, needs={"a": [], "b": ["a"]})
    assert (profile.seconds, profile.away) == (5, 100)
    assert step(profile, "b").seconds == 3


def test_time_between_a_failure_and_a_reopening_is_told_apart() -> None:
    mended = [
        (0, BEGUN), (0, e.StepStarted("a")), (1, e.StepFailed("a", None, 1, oops())), (1, e.RunFailed(oops(), [3])),
        (50, e.RunReopened([3])), (50, e.StepStarted("a")), (52, e.StepDone("a", None, None)),
    ]  # fmt: skip
    profile = profiled(*mended)
    assert (profile.seconds, profile.away) == (3, 49)


def test_a_pause_is_waiting() -> None:
    paused: list[Told] = [(0, BEGUN), *ran("a", 0, 1), (1, e.Paused()), (4, e.Resumed()), *ran("b", 4, 5)]
    profile = profiled(*paused)
    assert (profile.in_steps, profile.waiting, profile.outside) == (2, 3, 0)


def test_what_still_runs_is_counted_up_to_the_last_event() -> None:
    profile = profiled(
        (0, BEGUN), (1, e.StepStarted("a")), (1, e.StepStarted("b")), (4, e.StepDone("b", None, 1))
    )
    assert [(each.step, each.seconds, each.ended) for each in profile.steps] == [("a", 3, None), ("b", 3, 4)]


def test_what_still_runs_is_counted_up_to_now_if_the_run_is_driven() -> None:
    log: list[tuple[int, float, e.Event]] = [(1, 1000.0, BEGUN), (2, 1001.0, e.StepStarted("a"))]
    profile = profile_of(log, {"a": []}, at=1005.0)
    assert (profile.seconds, step(profile, "a").seconds, profile.critical_seconds) == (5, 4, 4)
    over = [*log, (3, 1002.0, e.StepDone("a", None, None)), (4, 1003.0, e.RunDone(None))]
    assert profile_of(over, at=1005.0).seconds == 3


def test_of_chains_that_took_equally_long_the_one_with_more_steps_is_critical() -> None:
    profile = profiled((0, BEGUN), *ran("a", 0, 1), (1, e.StepStarted("b")), needs={"a": [], "b": ["a"]})
    assert profile.critical == ["a", "b"]


def test_a_step_that_was_skipped_is_no_part_of_the_critical_path() -> None:
    steps: list[Told] = [*ran("a", 0, 1), (1, e.StepSkipped("b")), *ran("c", 1, 2)]
    profile = profiled((0, BEGUN), *steps, needs={"a": [], "b": ["a"], "c": ["b"]})
    assert profile.critical == ["a", "c"]
    assert (step(profile, "c").queued, step(profile, "b").attempts) == (0, 0)


@pytest.mark.parametrize("needs", [None, {}])
def test_a_run_without_steps_has_a_profile_too(needs: dict[str, list[str]] | None) -> None:
    assert profiled((0, BEGUN), (1, e.RunDone(None)), needs=needs).steps == []
    assert profile_of([]).seconds == 0


def test_a_clock_that_was_set_back_takes_no_time_away() -> None:
    profile = profiled(
        (0, BEGUN), (5, e.StepStarted("a")), (2, e.StepDone("a", None, None)), (3, e.RunDone(None))
    )
    assert (profile.seconds, step(profile, "a").seconds) == (5, 0)
