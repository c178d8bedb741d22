"""Several processes that want one run: one drives it, the others are told so, and who was too long away records nothing."""

from __future__ import annotations

import json
import signal

import pytest

from penstock.model.changes import Row
from penstock.stores.sqlite import SqliteStore
from tests.faults.lives import Life, Place, Unit, check_begun, check_log, results, wait_until


def begin_and_kill(place: Place, executor: str, key: str) -> str:
    """A run with a few steps done, whose process is gone and whose lease has lapsed."""
    life = place.life(executor)
    run = life.go(key)
    wait_until(lambda: "recorded 7 " in life.said.read_text(), "some steps are done")
    life.kill()
    store = SqliteStore(place.store)
    wait_until(lambda: store.next_due("runs") == 0, "the lease lapses")
    store.close()
    return run


@pytest.mark.parametrize("executor", ["inline", "processes"])
@pytest.mark.parametrize("rivals", [2, 4])
def test_of_several_that_resume_a_run_at_once_one_drives_it_and_the_others_are_told_so(
    executor: str, rivals: int, place: Place, undisturbed: dict[Unit, str]
) -> None:
    run = begin_and_kill(place, executor, "contested")
    lives = [place.life(executor, patience=0, lease_seconds=30.0, pace=3) for _ in range(rivals)]
    wait_until(lambda: all(life.lines() for life in lives), "all are ready")
    for life in lives:
        life.go("contested")
    told = sorted(life.ended() for life in lives)
    assert told[0].startswith("done ")
    assert all(f"CommandRefused run {run} is being driven by" in text for text in told[1:]), told
    log = place.log(run)
    check_log(log)
    check_begun(place.begun(run), log)
    assert [row.kind for row in log].count("owned") == 1
    assert results(log) == undisturbed


def stop_inside(place: Place, executor: str, **options: float) -> tuple[Life, str]:
    """A process that is stopped while it drives a run."""
    life = place.life(executor, lease_seconds=0.3, **options)
    run = life.go("stopped")
    wait_until(lambda: "recorded 7 " in life.said.read_text(), "some steps are done")
    life.stop()
    return life, run


def check_one_history(place: Place, run: str, stopped: Life, other: Life) -> None:
    """All that is recorded after the takeover is the other's, and all that the stopped one was told is kept."""
    log = place.log(run)
    check_log(log)
    check_begun(place.begun(run), log, beside=True)
    takeover = next(row.sequence for row in log if row.kind == "owned")
    assert _sequences(other) == list(range(takeover, len(log) + 1))
    assert _sequences(stopped) == list(range(1, len(_sequences(stopped)) + 1))
    assert len(_sequences(stopped)) < takeover


def _sequences(life: Life) -> list[int]:
    return [int(line.split()[1]) for line in life.recorded()]


@pytest.mark.parametrize("executor", ["inline", "threads", "processes", "asyncio"])
def test_who_was_stopped_past_its_lease_records_nothing_while_another_drives_the_run(
    executor: str, place: Place, undisturbed: dict[Unit, str]
) -> None:
    stopped, run = stop_inside(place, executor, pace=3)
    other = place.life(executor, pace=3)
    other.go("stopped")
    wait_until(lambda: len(other.recorded()) > 3, "the run is taken over")
    stopped.process.send_signal(signal.SIGCONT)
    assert stopped.ended().startswith("error LeaseLost ")
    assert other.ended().startswith("done ")
    check_one_history(place, run, stopped, other)
    assert results(place.log(run)) == undisturbed


def test_who_was_stopped_until_another_had_finished_the_run_records_nothing(
    place: Place, undisturbed: dict[Unit, str]
) -> None:
    stopped, run = stop_inside(place, "inline")
    other = place.life("inline")
    other.go("stopped")
    assert other.ended().startswith("done ")
    stopped.process.send_signal(signal.SIGCONT)
    assert stopped.ended().startswith("error LeaseLost ")
    check_one_history(place, run, stopped, other)
    assert results(place.log(run)) == undisturbed
    assert _epochs(place.log(run)) == [1, 2]


def _epochs(log: list[Row]) -> list[int]:
    return [json.loads(row.body)["epoch"] for row in log if row.kind in ("run_started", "owned")]
