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
from tests.faults.lives import wait_until

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


def test_the_steps_of_a_run_are_looked_at_one_by_one_and_its_log_is_read_once(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wide = Workflow("wide")
    for number in range(20):
        wide.add_task(task(lambda number: number), name=f"step{number}", values={"number": number})
    run_id = engine.run(wide).id
    with penstock.open(tmp_path / "runs.db") as other:
        store = other.durable_store()
        found: list[int] = []
        read = store.read

        def counted(run: str, after: int = 0, limit: int = 10_000) -> object:
            rows = read(run, after, limit)
            found.append(len(rows))
            return rows

        monkeypatch.setattr(store, "read", counted)
        steps = other.get(run_id).steps
        assert [steps[name].result for name in steps] == list(range(20))
    assert sum(found) == 42, "each event once"


def test_what_comes_after_a_look_at_its_steps_is_seen_by_the_next(engine: Engine, tmp_path: Path) -> None:
    waiting = Workflow("waiting")
    waiting.add_task(large)
    waiting.add_signal("word", type=str)
    waiting.add_task(task(lambda word: word.upper(), name="shout"), depends_on=["word"])
    run = engine.start(waiting)
    with penstock.open(tmp_path / "runs.db") as other:
        wait_until(lambda: engine.rows(status="running"), "it has begun")
        steps = other.get(run.id).steps
        wait_until(
            lambda: "large" in steps and steps["large"].status == "completed", "its first step is done"
        )
        run.signal("word", "loud")
        run.wait(60)
        assert steps["shout"].result == "LOUD"
