"""What is read of a run's log, and what is not."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import penstock
from penstock import Workflow, task
from penstock.app import Engine
from penstock.app.logs import read_outcome, read_start
from penstock.engine import recovery
from penstock.errors import CommandRefused, RunNotFound

flow = Workflow("large")


@task
def large() -> str:
    return "x" * 100_000


@task
def small(large: str) -> int:
    if len(large) != 100_000:
        raise ValueError("cut")
    return len(large)


flow.add_task(large)
flow.add_task(small, depends_on=["large"])


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    with penstock.open(tmp_path / "runs.db") as engine:
        yield engine


def test_the_end_of_a_run_is_read_without_the_values_of_its_steps(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = engine.run(flow)
    monkeypatch.setattr(recovery, "PAGE", 2)
    store = engine.durable_store()
    asked: list[str] = []
    get = store.get

    def noting(table: str, keys: object) -> object:
        asked.append(table)
        return get(table, keys)  # type: ignore[arg-type]

    monkeypatch.setattr(store, "get", noting)
    assert read_outcome(engine, run.id) == ("completed", 100_000)
    assert "blobs" not in asked


def test_the_end_of_a_run_that_was_reopened_is_its_last(engine: Engine) -> None:
    tried: list[int] = []

    @task
    def once() -> int:
        tried.append(1)
        if len(tried) == 1:
            raise ValueError("not yet")
        return 5

    again = Workflow("again")
    again.add_task(once)
    run = engine.run(again)
    assert read_outcome(engine, run.id)[0] == "failed"
    engine.resume(run.id, again, wait=True)
    assert read_outcome(engine, run.id) == ("completed", 5)


def test_a_run_that_goes_on_has_no_end_and_one_that_is_not_there_has_neither(engine: Engine) -> None:
    waiting = Workflow("waiting")
    waiting.add_signal("word", type=str)
    run = engine.submit(waiting)
    assert read_start(engine, run.id).workflow == "waiting"
    with pytest.raises(CommandRefused, match=f"run {run.id} has not finished"):
        read_outcome(engine, run.id)
    for read in (read_outcome, read_start):
        with pytest.raises(RunNotFound, match="no run 'nobody'"):
            read(engine, "nobody")
