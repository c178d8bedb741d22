"""A worker process that dies under a step of a run: the attempt is lost and tried again, but not for ever."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from penstock.app import Engine, open_engine
from penstock.errors import RunFailed, WorkerLost
from penstock.model import events as e
from penstock.model.policies import LOSSES
from tests.faults import deadly
from tests.faults.lives import state_of, wait_until


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    with open_engine(str(tmp_path / "store.db"), durability="crash") as engine:
        yield engine


def attempts(folder: Path) -> list[int]:
    return [int(line.split()[0]) for line in (folder / "attempts").read_text().splitlines()]


def workers(folder: Path) -> list[int]:
    return [int(line.split()[1]) for line in (folder / "attempts").read_text().splitlines()]


def failures(engine: Engine) -> list[e.StepFailed]:
    return [event for _, _, event in engine.get("latest").events() if isinstance(event, e.StepFailed)]


def test_an_attempt_whose_worker_is_killed_is_lost_and_tried_again_without_a_retry_policy(
    engine: Engine, tmp_path: Path
) -> None:
    assert deadly.twice.using(store=engine).run(folder=str(tmp_path)) == "alive"
    assert attempts(tmp_path) == [1, 2, 3]
    assert [(failure.attempt, failure.error.cause) for failure in failures(engine)] == [
        (1, "lost"),
        (2, "lost"),
    ]
    assert [a.status for a in engine.get("latest").steps["dies_twice"].attempts] == [
        "lost",
        "lost",
        "completed",
    ]


def test_a_step_that_kills_every_worker_fails_for_good_and_says_why(engine: Engine, tmp_path: Path) -> None:
    with pytest.raises(RunFailed, match=rf"SIGKILL.*so ended {LOSSES} of its attempts in a row") as raised:
        deadly.always.using(store=engine).run(folder=str(tmp_path))
    assert raised.value.failed_step == "dies_always"
    assert isinstance(raised.value.__cause__, WorkerLost)
    assert attempts(tmp_path) == list(range(1, LOSSES + 1))


def test_losses_are_counted_in_a_row_and_apart_from_failures(engine: Engine, tmp_path: Path) -> None:
    assert deadly.in_turn.using(store=engine).run(folder=str(tmp_path)) == "at last"
    assert [failure.error.cause for failure in failures(engine)] == [
        *["lost"] * 3,
        "error",
        *["lost"] * 3,
        "error",
    ]


def test_a_run_that_failed_by_its_workers_deaths_can_be_reopened(engine: Engine, tmp_path: Path) -> None:
    with pytest.raises(RunFailed):
        deadly.always.using(store=engine).run(folder=str(tmp_path))
    run = engine.get("latest")
    with pytest.raises(RunFailed, match="in a row"):
        engine.resume(run.id, deadly.always, wait=True).result()
    assert attempts(tmp_path) == list(range(1, 2 * LOSSES + 1))


def test_no_worker_is_left_when_the_engine_is_closed(engine: Engine, tmp_path: Path) -> None:
    deadly.twice.using(store=engine).run(folder=str(tmp_path))
    engine.close()
    wait_until(lambda: all(state_of(pid) == "X" for pid in workers(tmp_path)), "the workers are gone")
    assert os.getpid() not in workers(tmp_path)
