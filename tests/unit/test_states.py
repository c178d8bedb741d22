"""The tables of states are what the machine does: every state with every event, and every pair not in them is refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from penstock.errors import InvariantBroken, Nondeterminism
from penstock.model import events as e
from penstock.model.diagrams import attempt_diagram, page, run_diagram, step_diagram
from penstock.model.history import Attempt, steps_in
from penstock.model.machine import evolve
from penstock.model.program import End, Map, Sleep, Wait
from penstock.model.states import (
    ATTEMPT,
    FINISHED,
    RUN,
    RUN_STATUSES,
    SETTLED,
    STEP,
    STEP_STATUSES,
    WHILE,
    RunStatus,
    StepStatus,
)
from tests.unit.scripted import Hand, Script, do, nothing, oops

REFUSED = (InvariantBroken, Nondeterminism)

# ── runs ────────────────────────────────────────────────────────────────────────────────────────────────────────────

RUNS: dict[RunStatus, Callable[[], Hand]] = {
    "pending": lambda: Hand(Script([do("a"), do("b")]), started=False),
    "running": lambda: Hand(Script([do("a"), do("b")])).start("a"),
    "paused": lambda: Hand(Script([do("a"), do("b")])).start("a").play(e.Paused()),
    "completed": lambda: Hand(Script(End(1))).play(e.RunDone(1)),
    "failed": lambda: Hand(Script(do("a"))).start("a").fail("a").play(e.RunFailed(oops())),
    "cancelled": lambda: Hand(Script(do("a"))).play(e.CancelAsked(), e.RunCancelled()),
}

RUN_EVENTS: dict[type, e.Event] = {
    e.RunStarted: e.RunStarted("script", "", None),
    e.Paused: e.Paused(),
    e.Resumed: e.Resumed(),
    e.RunDone: e.RunDone(None),
    e.RunFailed: e.RunFailed(oops()),
    e.RunCancelled: e.RunCancelled(),
    e.RunReopened: e.RunReopened([]),
}

OTHER_EVENTS: dict[type, e.Event] = {
    e.Owned: e.Owned(2),
    e.StepStarted: e.StepStarted("b"),
    e.StepDone: e.StepDone("a", None, 1),
    e.StepFailed: e.StepFailed("a", None, 1, oops()),
    e.StepSkipped: e.StepSkipped("s"),
    e.StepCancelled: e.StepCancelled("a"),
    e.StepReused: e.StepReused("b", 1, "other"),
    e.Opened: e.Opened("sub", "0" * 16),
    e.Signalled: e.Signalled("go", 1),
    e.Noted: e.Noted("quiet"),
    e.CancelAsked: e.CancelAsked(),
}


def test_every_event_is_spoken_of() -> None:
    assert {*RUN_EVENTS, *OTHER_EVENTS} == set(e.KINDS.values())
    assert {cls for _, cls in RUN} == set(RUN_EVENTS)
    assert set(WHILE) == set(OTHER_EVENTS)


@pytest.mark.parametrize("status", RUN_STATUSES)
def test_there_is_a_run_of_every_status(status: RunStatus) -> None:
    assert RUNS[status]().run.status == status


@pytest.mark.parametrize("status", RUN_STATUSES)
@pytest.mark.parametrize("kind", RUN_EVENTS, ids=lambda kind: kind.__name__)
def test_a_run_moves_as_the_table_says_and_no_other_way(status: RunStatus, kind: type) -> None:
    hand = RUNS[status]()
    expected = RUN.get((status, kind))
    if expected is None:
        with pytest.raises(REFUSED):
            evolve(hand.run, RUN_EVENTS[kind], 99.0)
        assert hand.run.status == status
    else:
        evolve(hand.run, RUN_EVENTS[kind], 99.0)
        assert hand.run.status == expected


@pytest.mark.parametrize("status", RUN_STATUSES)
@pytest.mark.parametrize("kind", OTHER_EVENTS, ids=lambda kind: kind.__name__)
def test_other_events_leave_the_status_alone_and_come_only_while_they_may(
    status: RunStatus, kind: type
) -> None:
    hand = RUNS[status]()
    hand.run.skipped["s"] = "said before"
    if status in WHILE[kind]:
        evolve(hand.run, OTHER_EVENTS[kind], 99.0)
    else:
        with pytest.raises(REFUSED):
            evolve(hand.run, OTHER_EVENTS[kind], 99.0)
    assert hand.run.status == status


def test_what_is_finished_has_no_way_out_but_a_failure() -> None:
    assert {status for status, _ in RUN if status in FINISHED} == {"failed"}


# ── steps ───────────────────────────────────────────────────────────────────────────────────────────────────────────

AGAIN = Script([do("a"), do("b")])


def waiting(first: Any) -> Hand:
    return Hand(Script([first, do("b")]))


STEPS: dict[tuple[StepStatus, str], Callable[[], Hand]] = {
    ("ready", "call"): lambda: Hand(AGAIN),
    ("running", "call"): lambda: Hand(AGAIN).start("a"),
    ("waiting", "call"): lambda: Hand(AGAIN).start("a").fail("a", retry_at=50.0),
    ("waiting", "sleep"): lambda: waiting(Sleep("a", 5.0)),
    ("waiting", "signal"): lambda: waiting(Wait("a", "go", 5.0)),
    ("completed", "call"): lambda: Hand(AGAIN).done("a"),
    ("failed", "call"): lambda: Hand(Script([do("a"), do("b")], failed={"a": []})).start("a").fail("a"),
    ("cancelled", "call"): lambda: (
        Hand(Script([do("a"), do("b"), do("c")], {"b": []})).start("a").play(e.StepCancelled("a"))
    ),
    ("reused", "call"): lambda: Hand(AGAIN).play(e.StepReused("a", 1, "other")),
}

STEP_EVENTS: dict[tuple[type, str], e.Event] = {
    (e.StepStarted, ""): e.StepStarted("a", None, 2),
    (e.StepDone, ""): e.StepDone("a", None, 1),
    (e.StepFailed, "retry"): e.StepFailed("a", None, 1, oops(), 999.0),
    (e.StepFailed, "final"): e.StepFailed("a", None, 1, oops()),
    (e.StepCancelled, ""): e.StepCancelled("a"),
    (e.StepReused, ""): e.StepReused("a", 1, "other"),
}

ONLY: dict[tuple[type, str], set[str]] = {
    (e.StepStarted, ""): {"call"},
    (e.StepDone, ""): {"sleep"},
    (e.StepFailed, "final"): {"signal"},
}
"""A waiting step is one of three things; these events belong to one of them (a signal completes a wait without one)."""


def status_of(hand: Hand) -> str:
    step = hand.run.open.get("a") or hand.run.finished["a"]
    return step.status


@pytest.mark.parametrize(("status", "kind"), STEPS, ids=str)
def test_there_is_a_step_of_every_status(status: StepStatus, kind: str) -> None:
    assert status_of(STEPS[status, kind]()) == status


def test_the_only_status_without_a_step_is_that_of_one_never_asked_for() -> None:
    assert set(STEP_STATUSES) - {status for status, _ in STEPS} == {"skipped"}


@pytest.mark.parametrize(("status", "kind"), STEPS, ids=str)
@pytest.mark.parametrize("event", STEP_EVENTS, ids=lambda event: f"{event[0].__name__}-{event[1]}")
def test_a_step_moves_as_the_table_says_and_no_other_way(
    status: StepStatus, kind: str, event: tuple[type, str]
) -> None:
    hand = STEPS[status, kind]()
    expected = STEP.get((status, *event))
    if status == "waiting" and event in ONLY and kind not in ONLY[event]:
        expected = None
    if expected is None:
        with pytest.raises(REFUSED):
            evolve(hand.run, STEP_EVENTS[event], 99.0)
    else:
        evolve(hand.run, STEP_EVENTS[event], 99.0)
        assert status_of(hand) == expected


def test_a_retry_may_not_start_before_its_time() -> None:
    with pytest.raises(Nondeterminism, match="starts step 'a', which is waiting"):
        evolve(STEPS["waiting", "call"]().run, e.StepStarted("a", None, 2), 49.0)


def test_what_is_settled_has_no_way_out() -> None:
    assert not {status for status, _, _ in STEP} & SETTLED


def test_a_map_as_a_whole_is_neither_started_nor_done_by_an_event() -> None:
    none = (
        e.StepStarted("a"),
        e.StepDone("a", None, 1),
        e.StepFailed("a", None, 1, oops()),
        e.StepCancelled("a"),
    )
    for event in none:
        with pytest.raises(Nondeterminism, match="step 'a', which is waiting"):
            evolve(Hand(Script(Map("a", nothing, [1, 2], "x"))).run, event, 99.0)


# ── attempts ────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(("status", "event", "cause"), ATTEMPT)
def test_an_attempt_ends_as_the_table_says(status: str, event: type, cause: str) -> None:
    endings: dict[type, e.Event] = {
        e.StepDone: e.StepDone("a", None, 1),
        e.StepFailed: e.StepFailed("a", None, 1, oops(cause=cause), 9.0),
        e.StepCancelled: e.StepCancelled("a"),
    }
    (attempt,) = steps_in([(1, 1.0, e.StepStarted("a")), (2, 3.0, endings[event])])["a"].attempts
    assert isinstance(attempt, Attempt)
    assert (attempt.status, attempt.ended_at) == (ATTEMPT[status, event, cause], 3.0)  # type: ignore[index]


# ── the pictures ────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_picture_has_an_arrow_for_every_line_of_its_table() -> None:
    for diagram, table in ((run_diagram(), RUN), (step_diagram(), STEP), (attempt_diagram(), ATTEMPT)):
        for key, after in table.items():
            assert any(line.strip().startswith(f"{key[0]} --> {after}") for line in diagram.splitlines())


def test_a_picture_names_the_event_on_its_arrow() -> None:
    assert "    running --> paused: paused" in run_diagram().splitlines()
    assert "    running --> waiting: step_failed (retry)" in step_diagram().splitlines()


def test_a_picture_shows_where_things_begin_and_end() -> None:
    assert "    [*] --> pending" in run_diagram()
    assert "    completed --> [*]" in run_diagram()
    assert "    [*] --> skipped" in step_diagram()


def test_the_page_of_states_is_up_to_date() -> None:
    written = Path(__file__).parents[2] / "docs" / "states.md"
    assert written.read_text(encoding="utf-8") == page(), (
        "make it again: python -m penstock.model.diagrams > docs/states.md"
    )
