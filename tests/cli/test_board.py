"""The board keeps up with a run's events, and its rows say what matters."""

from __future__ import annotations

from penstock.cli.board import Board
from penstock.cli.ink import Ink
from penstock.cli.rows import Look, fitting, rows
from penstock.cli.text import width
from penstock.model import events as e
from penstock.model.failure import Failure

INK = Ink(colour=False)
REFUSED = Failure("builtins.ConnectionError", "refused")


def board(*events: e.Event, plan: tuple[tuple[str, bool], ...] = (), size: int | None = None) -> Board:
    told = Board(plan, lambda step: size)
    for at, event in enumerate([e.RunStarted("flow", "", {}), *events]):
        told.recorded("run", "flow", at + 1, float(at), event)
    return told


def row(told: Board, *, now: float = 10.0, frame: int | None = None, over: bool = False) -> str:
    return rows(told.bars.values(), Look(INK, 90, now, frame, over))[-1]


def test_a_step_that_is_done_has_its_time() -> None:
    assert row(board(e.StepStarted("load"), e.StepDone("load", None, 1))) == "✓ load       1.0 s"


def test_a_step_that_was_planned_and_not_asked_for_waits() -> None:
    assert row(board(plan=(("load", False),))) == "· load"


def test_a_map_counts_its_items_and_draws_how_far_it_is() -> None:
    told = board(e.StepStarted("fill", 0), e.StepStarted("fill", 1), e.StepDone("fill", 0, 1), size=4)
    assert row(told, over=True) == "● fill       9.0 s  1 of 4"
    assert "━━━━━━──────────────────  1 of 4" in row(told, frame=0)


def test_a_map_is_done_when_all_its_items_are() -> None:
    events = [e.StepStarted("fill", 0), e.StepDone("fill", 0, 1)]
    assert board(*events, size=2).bars["fill"].status == "running"
    assert board(*events, size=1).bars["fill"].status == "completed"


def test_a_retry_says_when_and_why() -> None:
    told = board(e.StepStarted("load"), e.StepFailed("load", None, 1, REFUSED, retry_at=12.0))
    assert row(told) == "↻ load       1.0 s  retried  again in 2.0 s: ConnectionError: refused"


def test_a_step_that_failed_says_why() -> None:
    told = board(e.StepStarted("load"), e.StepFailed("load", None, 1, REFUSED))
    assert row(told) == "✗ load       1.0 s  ConnectionError: refused"


def test_an_error_that_was_overcome_is_not_repeated() -> None:
    failed = e.StepFailed("load", None, 1, REFUSED, retry_at=2.0)
    told = board(e.StepStarted("load"), failed, e.StepStarted("load", None, 2), e.StepDone("load", None, 1))
    assert row(told).endswith("  retried")


def test_an_attempt_that_was_lost_is_no_retry_and_its_time_does_not_count() -> None:
    lost = e.StepFailed("load", None, 1, Failure("WorkerLost", "", "lost"), retry_at=2.0)
    told = board(e.StepStarted("load"), lost, e.StepStarted("load", None, 2), e.StepDone("load", None, 1))
    assert row(told) == "✓ load       1.0 s"


def test_what_was_done_in_an_earlier_sitting_is_said_so() -> None:
    told = board(e.StepStarted("load"), e.StepDone("load", None, 1))
    told.sit_down(5.0)
    assert row(told).endswith("done before")
    assert told.started == 5.0


def test_a_skipped_step_says_why() -> None:
    assert row(board(e.StepSkipped("load", "its condition was false"))).endswith(
        "skipped: its condition was false"
    )


def test_reopening_a_run_lets_what_failed_wait_again() -> None:
    told = board(
        e.StepStarted("load"),
        e.StepFailed("load", None, 1, REFUSED),
        e.RunFailed(REFUSED),
        e.RunReopened([3]),
    )
    assert (told.status, told.bars["load"].status, told.error) == ("running", "waiting", None)


def test_a_map_of_nothing_is_done_when_its_run_is() -> None:
    assert board(e.RunDone([]), plan=(("fill", True),)).bars["fill"].status == "completed"


def test_events_of_another_run_are_not_ours() -> None:
    told = board()
    told.recorded("other", "flow", 1, 0.0, e.StepStarted("load"))
    assert "load" not in told.bars


def test_rows_are_no_wider_than_asked_for() -> None:
    long = Failure("ValueError", "a very long message " * 20)
    told = board(e.StepStarted("load" * 20), e.StepFailed("load" * 20, None, 1, long))
    (line,) = rows(told.bars.values(), Look(INK, 70, 10.0))
    assert width(line) <= 70


def test_where_there_are_more_steps_than_lines_those_that_run_are_shown() -> None:
    done = [event for n in range(20) for event in (e.StepStarted(f"s{n}"), e.StepDone(f"s{n}", None, 0))]
    told = board(*done, e.StepStarted("s20"), plan=tuple((f"s{n}", False) for n in range(40)))
    lines = rows(told.bars.values(), Look(INK, 80, 99.0, 0))
    shown = fitting(told, lines, 10, INK)
    assert len(shown) <= 10
    assert shown[0] == "  … 19 steps above"
    assert any("s20" in line for line in shown)
    assert shown[-1].endswith("steps below")
