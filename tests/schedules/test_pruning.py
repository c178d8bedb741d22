"""Deleting finished runs: by age, number, tags, status and workflow; what lives stays, and what was done is on record."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from penstock import Cache, Workflow, task
from penstock.app import Engine
from penstock.app.results import forget
from penstock.app.retention import Terms, doomed
from penstock.engine.rows import row_of
from penstock.errors import CommandRefused, RunFailed, RunNotFound, SettingsError
from penstock.model import events as e
from penstock.model.changes import Change, Put


@task
def big(n: int) -> str:
    return f"{n:070000}"


@task
def wide(n: int) -> str:
    return f"{n:080000}"


@task
def fails() -> None:
    raise ValueError("no")


flow = Workflow("big")
flow.add_task(big)
failing = Workflow("failing")
failing.add_task(fails)

DAY = 86_400.0


def ran(engine: Engine, n: int, *, days_ago: float = 0.0, **how: Any) -> str:
    """A run that completed so many days ago."""
    run = engine.run(flow, {"n": n}, **how)
    age_(engine, run.id, days_ago)
    return run.id


def age_(engine: Engine, run: str, days: float) -> None:
    at = engine.clock.now() - days * DAY
    engine.durable_store().commit([Change(puts=[Put("runs", run, {"updated": at})])])


def left(engine: Engine) -> set[str]:
    return {run.id for run in engine.list()}


def blobs(engine: Engine) -> int:
    return len(engine.durable_store().find("blobs"))


def test_old_runs_go_with_their_values_and_young_ones_stay(engine: Engine) -> None:
    old, young = ran(engine, 1, days_ago=31), ran(engine, 2, days_ago=29)
    assert blobs(engine) == 2
    pruned = engine.prune(older_than=timedelta(days=30))
    assert (pruned.deleted, pruned.runs, pruned.workflows) == (1, [old], {"big": 1})
    assert (left(engine), blobs(engine)) == ({young}, 1)
    with pytest.raises(RunNotFound):
        engine.get(old)


def test_results_whose_time_is_up_go_with_their_values(engine: Engine) -> None:
    brief, lasting = Workflow("brief"), Workflow("lasting")
    brief.add_task(big, cache=Cache(expires=timedelta(microseconds=1)))
    lasting.add_task(big, cache=True)
    for cached, n in ((brief, 3), (lasting, 4)):
        engine.run(cached, {"n": n})
    engine.run(flow, {"n": 5})
    assert blobs(engine) == 3
    assert engine.prune(workflow="brief", dry_run=True).found == 1
    assert blobs(engine) == 3
    assert engine.prune(keep=0).deleted == 3
    assert blobs(engine) == 1, "of the result that lasts"
    assert len(engine.durable_store().find("documents", {"kind": "cache"})) == 1


def test_a_result_that_outlived_its_run_goes_when_its_time_is_up(engine: Engine) -> None:
    kept = Workflow("kept")
    kept.add_task(big, cache=True)
    engine.run(kept, {"n": 3})
    assert (engine.prune(keep=0).deleted, blobs(engine)) == (1, 1)
    assert (forget(engine.durable_store()), blobs(engine)) == (1, 0)
    engine.run(kept, {"n": 4})
    assert (engine.prune(keep=0).deleted, blobs(engine)) == (1, 1)
    store = engine.durable_store()
    (row,) = store.find("documents", {"kind": "cache"})
    lapsed = json.dumps({**json.loads(row["data"]), "expires": 1e-6})
    store.commit([Change(puts=[Put("documents", row["id"], {"data": lapsed})])])
    assert (engine.prune(keep=0).deleted, blobs(engine)) == (None, 0)


def test_a_value_that_outlived_its_run_goes_when_a_newer_result_takes_its_place(engine: Engine) -> None:
    first, second = Workflow("cached"), Workflow("cached")
    first.add_task(big, cache=Cache(version="1"))
    second.add_task(wide, name="big", cache=Cache(version="2", key=lambda n: "same"))
    first.add_task(wide, cache=Cache(version="1", key=lambda n: "same"))
    engine.run(first, {"n": 3})
    assert (engine.prune(keep=0).deleted, blobs(engine)) == (1, 2)
    engine.run(second, {"n": 4})
    assert blobs(engine) == 3
    assert engine.prune(older_than=timedelta(days=1)).deleted is None
    assert blobs(engine) == 2, "of the results that are kept now"
    assert engine.durable_store().find("documents", {"kind": "replaced"}) == []


def test_what_lives_stays_however_old(engine: Engine) -> None:
    pending = engine.submit(flow, {"n": 1}).id
    age_(engine, pending, 1_000)
    assert engine.prune(older_than=0).deleted is None
    assert left(engine) == {pending}


def test_what_a_living_run_started_stays_as_long_as_that_lives(engine: Engine) -> None:
    parent, child = engine.submit(flow, {"n": 1}), "c" * 16
    started = e.RunStarted("big", "", {}, parent=parent.id)
    row = row_of(1, 0.0, started, engine.codec, [])
    columns = {"workflow": "big", "status": "completed", "state": "done"}
    engine.durable_store().commit([Change(child, 0, [row], [Put("runs", child, columns)])])
    assert engine.prune(keep=0).deleted is None
    parent.cancel()
    assert engine.prune(keep=0).deleted == 2


def test_the_newest_of_each_workflow_are_kept(engine: Engine) -> None:
    runs = [ran(engine, n, days_ago=40 - n) for n in range(5)]
    with pytest.raises(RunFailed):
        engine.run(failing).result()
    assert engine.prune(keep=2, older_than=1).deleted == 3
    assert left(engine) >= {*runs[3:]}
    assert len(left(engine)) == 3


def test_status_tags_and_workflow_choose(engine: Engine) -> None:
    plain, tagged = ran(engine, 1), ran(engine, 2, tags={"team": "a", "for": "test"})
    failed = engine.run(failing)
    assert engine.prune(tags={"team": "a"}, statuses=["failed"]).deleted is None
    assert engine.prune(tags={"team": "a"}).runs == [tagged]
    assert engine.prune(statuses=["failed", "cancelled"]).runs == [failed.id]
    assert engine.prune(workflow="failing").deleted is None
    assert engine.prune(workflow="big").runs == [plain]


def test_a_dry_run_deletes_nothing_and_leaves_no_record(engine: Engine) -> None:
    run = ran(engine, 1)
    found = engine.prune(keep=0, dry_run=True)
    assert (found.runs, found.deleted, left(engine), engine.prunings()) == ([run], None, {run}, [])


def test_the_deletion_is_on_record(engine: Engine) -> None:
    first, second = ran(engine, 1, days_ago=2), ran(engine, 2)
    engine.prune(older_than=DAY)
    engine.prune(keep=0)
    newest, oldest = engine.prunings()
    assert (oldest.runs, oldest.terms, oldest.deleted) == ([first], Terms(older_than=DAY), 1)
    assert (newest.runs, newest.by) == ([second], engine.owner)


def test_a_deleted_runs_key_can_be_used_again(engine: Engine) -> None:
    first = engine.run(flow, {"n": 1}, key="k")
    engine.prune(keep=0)
    assert engine.run(flow, {"n": 2}, key="k").result() == f"{2:070000}"
    assert first.id in left(engine)


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ({}, "say which runs to delete"),
        ({"older_than": -1}, "0 or more, or a timedelta"),
        ({"older_than": float("nan")}, "0 or more, or a timedelta"),
        ({"keep": -1}, "keep=-1"),
        ({"keep": 1.5}, "keep=1.5"),
        ({"statuses": ["running"]}, "only runs that have finished can be deleted"),
        ({"statuses": "done"}, "there are cancelled, completed, failed"),
        ({"tags": {"a": 1}}, "must be a dict of texts"),
    ],
)
def test_what_means_nothing_is_refused(engine: Engine, how: dict[str, Any], said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        engine.prune(**how)


def test_an_ephemeral_engine_has_nothing_to_delete() -> None:
    import penstock

    with penstock.open("ephemeral") as engine, pytest.raises(CommandRefused, match="keeps nothing"):
        engine.prune(keep=0)


def test_those_that_are_kept_are_counted_before_age() -> None:
    rows = [
        {"workflow": "w", "status": "completed", "tags": None, "updated": at} for at in (90.0, 50.0, 10.0)
    ]
    assert [row["updated"] for row in doomed(rows, Terms(keep=1, older_than=20.0), 100.0)] == [50.0, 10.0]
    assert [row["updated"] for row in doomed(rows, Terms(keep=2), 100.0)] == [10.0]
