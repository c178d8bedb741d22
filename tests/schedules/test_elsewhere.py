"""Schedules in every store, of every style, fired by processes that have no code, against runs that others drive."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

import pytest

import penstock
from penstock.app import Engine
from penstock.app.scheduling.firing import Firer
from penstock.app.scheduling.rules import named
from penstock.app.worker import Worker
from penstock.clocks import VirtualClock
from tests.cli.waiting import until
from tests.schedules import styled
from tests.schedules.conftest import START, Open

DAY = 86_400.0


def fire(engine: Engine) -> int:
    firer = Firer(engine)
    firer.look()
    return firer.fire()


@pytest.mark.parametrize("store", ["sqlite:///{}/runs.db", "json:///{}/runs.json", "memory:"])
def test_every_store_keeps_schedules(store: str, tmp_path: Path, clock: VirtualClock) -> None:
    with penstock.open(store.format(tmp_path)) as engine:
        engine.clock = clock
        schedules = engine.schedules
        schedules.add("s", styled.graph, every=DAY, moment_input="day", overlap="cancel")
        late = Firer(engine)
        (seen,) = late.look()
        for days in (1, 2):
            clock.time = START + days * DAY
            assert fire(engine) == 1
        firing = late._firing(seen, clock.now())
        assert firing is not None
        assert late._commit([firing]) == 0
        assert sorted(run.status for run in engine.list()) == ["cancelled", "pending"]
        assert schedules.backfill("s", "2023-11-15", "2023-11-17").before == 2
        Worker(engine, [styled.graph]).serve(until_idle=True)
        assert engine.get("latest").result() == "16 November"
        assert engine.prune(tags={"schedule": "s"}).deleted == 2
        assert schedules.remove("s").fired == 2
        assert schedules.all() == []


@pytest.fixture
def elsewhere(another: Open) -> Engine:
    """Another process's engine, as far as it knows of anything."""
    return another()


@pytest.mark.parametrize(
    ("definition", "inputs", "result"),
    [
        (styled.graph, {}, "15 November"),
        (styled.function, {"kind": "long"}, "long 15 November"),
        (styled.login, {"password": styled.SECRET}, {"length": 12, "day": "15 November"}),
    ],
)
def test_whoever_fires_needs_no_code(
    definition: Any,
    inputs: dict[str, Any],
    result: Any,
    engine: Engine,
    elsewhere: Engine,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PENSTOCK_KEY", "ab" * 32)
    engine.schedules.add("s", definition, inputs, cron="0 2 * * *", moment_input="day")
    (row,) = engine.durable_store().find("documents", {"kind": "schedule"})
    assert styled.SECRET not in str(row)
    monkeypatch.delenv("PENSTOCK_KEY")
    assert isinstance(engine.clock, VirtualClock)
    engine.clock.advance(DAY)
    assert fire(elsewhere) == 1
    monkeypatch.setenv("PENSTOCK_KEY", "ab" * 32)
    Worker(elsewhere).serve(until_idle=True)
    assert engine.get("latest").result() == result


def test_a_run_that_another_process_drives_is_cancelled(
    engine: Engine, another: Open, clock: VirtualClock
) -> None:
    engine.schedules.add("s", styled.sleepy, every=60, overlap="cancel")
    clock.advance(60)
    fire(engine)
    first = engine.get("latest")
    worker = Worker(another(), [styled.sleepy])
    thread = threading.Thread(target=worker.serve)
    thread.start()
    try:
        until(lambda: first.status == "running", "the first run is under way")
        clock.advance(60)
        until(lambda: engine.schedules.get("s").fired == 2, "the worker fired the second")
        until(lambda: first.status == "cancelled", "the first is cancelled")
        second = engine.get("latest")
        until(lambda: second.status == "running", "the second is under way")
        engine.command(second.id, "cancel")
    finally:
        worker.stop()
        thread.join(60)
    assert len(engine.list()) == 2


def test_a_process_that_was_stopped_does_not_fire_again_what_was_pruned(
    engine: Engine, another: Open, clock: VirtualClock
) -> None:
    engine.schedules.add("s", styled.graph, every=60, moment_input="day")
    clock.advance(60)
    stopped = Firer(another())
    (seen,) = stopped.look()
    assert fire(engine) == 1
    engine.get("latest").cancel()
    assert engine.prune(workflow="graph").deleted == 1
    firing = stopped._firing(seen, clock.now())
    assert firing is not None
    assert stopped._commit([firing]) == 0
    assert engine.list() == []


def test_a_clock_that_is_set_back_fires_nothing_twice(engine: Engine, clock: VirtualClock) -> None:
    engine.schedules.add("s", styled.graph, every=60, moment_input="day")
    fired = 0
    for jump in (60, 60, -3_600, 60, 3_480, 60, 60):
        clock.time += jump
        fired += fire(engine)
    moments = [json.loads(row["tags"])["moment"] for row in engine.rows()]
    assert (fired, len(set(moments)), len(moments)) == (3, 3, 3)


def test_a_time_that_the_clock_leaves_out_is_right_after_the_gap(engine: Engine) -> None:
    added = engine.schedules.add(
        "s", styled.graph, at="2030-03-31T02:30", zone="Europe/Rome", moment_input="day"
    )
    assert added.next is not None
    assert named(added.next, "Europe/Rome") == "2030-03-31T03:00:00+02:00"
