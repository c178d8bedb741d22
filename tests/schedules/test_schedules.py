"""Schedules in a store: added, changed, fired once however many look, caught up, cancelled, backfilled."""

from __future__ import annotations

import json
import logging
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from penstock import Workflow, task
from penstock.app import Engine
from penstock.app.scheduling.firing import Firer
from penstock.app.scheduling.serving import Serving
from penstock.app.scheduling.shelf import TOPIC, find_kept, put_of
from penstock.app.worker import Worker
from penstock.catalogue import load
from penstock.clocks import VirtualClock
from penstock.errors import CommandRefused, InputError, RunNotFound, SettingsError
from penstock.model.changes import Change
from tests.schedules.conftest import START, Open


@task
def report(kind: str, day: datetime | None = None) -> str:
    return f"{kind} of {day}"


flow = Workflow("report")
flow.add_task(report)


@task
def told(moment: str) -> str:
    return moment


texts = Workflow("texts")
texts.add_task(told)


def moments_of(engine: Engine) -> list[str]:
    """The moments that have runs."""
    return sorted(json.loads(row["tags"])["moment"] for row in engine.rows(limit=10_000))


def fire(engine: Engine) -> int:
    firer = Firer(engine)
    firer.look()
    return firer.fire()


def add(engine: Engine, name: str = "s", **how: Any) -> None:
    engine.schedules.add(name, flow, {"kind": "short"}, **{"every": 60, **how})


def test_a_moment_becomes_a_run_that_a_worker_drives(engine: Engine, clock: VirtualClock) -> None:
    added = engine.schedules.add(
        "nightly",
        flow,
        {"kind": "long"},
        cron="30 2 * * *",
        zone="Europe/Rome",
        moment_input="day",
        tags={"a": "b"},
    )
    assert added.next == datetime(2023, 11, 15, 1, 30, tzinfo=UTC).timestamp()
    clock.time = added.next
    assert fire(engine) == 1
    Worker(engine, [flow]).serve(until_idle=True)
    run = engine.get("latest")
    assert run.result() == "long of 2023-11-15 02:30:00+01:00"
    assert run.events()[0][2].tags == {"a": "b", "schedule": "nightly", "moment": "2023-11-15T01:30:00+00:00"}  # type: ignore[union-attr]
    after = engine.schedules.get("nightly")
    assert (after.last, after.last_run, after.fired) == (added.next, run.id, 1)


def test_a_worker_fires_what_is_due(engine: Engine, clock: VirtualClock) -> None:
    engine.schedules.add("once", texts, at=datetime.fromtimestamp(START + 1, UTC), moment_input="moment")
    worker = Worker(engine, [texts])
    worker.serve(until_idle=True)
    assert worker.ended == 0
    clock.advance(1)
    worker = Worker(engine, [texts])
    worker.serve(until_idle=True)
    assert engine.get("latest").result() == "2023-11-14T22:13:21+00:00"


def test_each_moment_becomes_one_run_however_many_look(
    engine: Engine, another: Open, clock: VirtualClock
) -> None:
    for n in range(5):
        add(engine, f"s{n}")
    firers = [Firer(each) for each in (engine, another(), another())]
    for firer in firers:
        firer.look()
    made = 0
    for _ in range(3):
        clock.advance(60)
        stale = [list(firer.look()) for firer in firers]
        for firer, seen in zip(firers, stale, strict=True):  # all of them saw the same, and act upon it
            firings = [f for kept in seen if (f := firer._firing(kept, clock.now())) is not None]
            made += firer._commit(firings)
    assert (made, len(moments_of(engine))) == (15, 15)
    assert [each.fired for each in engine.schedules.all()] == [3] * 5


def test_who_comes_late_writes_nothing(engine: Engine, another: Open, clock: VirtualClock) -> None:
    add(engine)
    clock.advance(60)
    late = Firer(another())
    (seen,) = late.look()
    firing = late._firing(seen, clock.now())
    engine.schedules.pause("s")
    assert firing is not None
    assert late._commit([firing]) == 0
    assert (moments_of(engine), engine.schedules.get("s").paused) == ([], True)


def test_missed_moments_are_caught_up_as_it_was_said(engine: Engine, clock: VirtualClock) -> None:
    for policy in ("none", "latest", "all"):
        add(engine, policy, catch_up=policy, at_most=4)
    clock.advance(600 + 20)
    assert fire(engine) == 5
    counts = {each.name: (each.fired, each.left_out) for each in engine.schedules.all()}
    assert counts == {"none": (0, 10), "latest": (1, 9), "all": (4, 6)}


def test_a_run_under_way_is_let_be_waited_for_or_cancelled(engine: Engine, clock: VirtualClock) -> None:
    for policy in ("allow", "skip", "cancel"):
        add(engine, policy, overlap=policy)
    statuses = []
    for _ in range(2):
        clock.advance(60)
        fire(engine)
    for policy in ("allow", "skip", "cancel"):
        rows = [row for row in engine.rows() if json.loads(row["tags"])["schedule"] == policy]
        statuses.append(sorted(row["status"] for row in rows))
    assert statuses == [["pending", "pending"], ["pending"], ["cancelled", "pending"]]
    last = engine.schedules.get("cancel").last_run
    (cancelled,) = [run for run in engine.list() if run.status == "cancelled"]
    assert cancelled.id != last
    assert "schedule cancel came" in str(cancelled.events()[-1][2])
    Worker(engine, [flow]).serve(until_idle=True)
    clock.advance(60)
    assert fire(engine) == 3  # that of `skip` too: its run is over


def test_a_paused_schedule_leaves_its_moments_out(engine: Engine, clock: VirtualClock) -> None:
    add(engine, catch_up="all")
    engine.schedules.pause("s")
    clock.advance(600)
    assert fire(engine) == 0
    assert engine.schedules.resume("s").next == START + 660
    clock.advance(60)
    assert fire(engine) == 1


def test_a_removed_schedule_fires_no_more_and_its_runs_stay(engine: Engine, clock: VirtualClock) -> None:
    add(engine)
    clock.advance(60)
    fire(engine)
    engine.schedules.remove("s")
    clock.advance(60)
    assert (fire(engine), len(moments_of(engine)), engine.schedules.all()) == (0, 1, [])


def test_a_backfill_makes_the_runs_that_are_missing(engine: Engine, clock: VirtualClock) -> None:
    add(engine, overlap="skip", start=datetime.fromtimestamp(START, UTC))
    clock.advance(60)
    fire(engine)
    hour = (datetime.fromtimestamp(START - 3_600, UTC), datetime.fromtimestamp(START + 120, UTC))
    made, before = engine.schedules.backfill("s", *hour)
    assert (len(made), before) == (2, 1)  # its moments begin with its start
    assert engine.schedules.backfill("s", *hour) == ([], 3)
    clock.advance(60)
    assert fire(engine) == 0  # that moment has its run
    assert len(moments_of(engine)) == 3


def test_a_range_that_is_none_or_too_long_is_refused(engine: Engine) -> None:
    add(engine)
    for first, until, said in [
        ("2023-11-15", "2023-11-14", "ends before it begins"),
        ("2023-11-15", "2024-11-14", "more than 10,000 moments"),
        ("yesterday", "2024-11-14", "must be a moment, such as"),
    ]:
        with pytest.raises(SettingsError, match=said):
            engine.schedules.backfill("s", first, until)


def test_replacing_keeps_what_is_known_of_it(engine: Engine, clock: VirtualClock) -> None:
    add(engine, start="2023-11-14T22:00")
    with pytest.raises(CommandRefused, match="already: say replace=True"):
        add(engine)
    clock.advance(60)
    fire(engine)
    add(engine, start="2023-11-14T22:00", queue="slow", replace=True)
    kept = engine.schedules.get("s")
    assert (kept.queue, kept.fired, kept.next) == ("slow", 1, START + 100)
    clock.advance(45)
    add(engine, every=3_600, replace=True)
    assert engine.schedules.get("s").next == START + 105 + 3_600


def test_what_means_nothing_is_refused_with_the_remedy(engine: Engine) -> None:
    cases: list[tuple[dict[str, Any], str]] = [
        ({"every": None}, "needs one of cron="),
        ({"cron": "0 0 * * *"}, "needs one of cron="),
        ({"every": 0.01}, "from 0.1 to a year"),
        ({"every": timedelta(days=1000)}, "from 0.1 to a year"),
        ({"every": float("nan")}, "from 0.1 to a year"),
        ({"zone": "Mars/Olympus"}, "no time zone 'Mars/Olympus'"),
        ({"every": None, "at": "2023-01-01"}, "never due from now on: 2023-01-01T00:00:00"),
        ({"until": "2023-01-01"}, "never due from now on, until 2023-01-01"),
        ({"catch_up": "some"}, "catch_up='some' is none; there are none, latest, all"),
        ({"overlap": "wait"}, "overlap='wait' is none; there are allow, skip, cancel"),
        ({"catch_up": "all", "overlap": "skip"}, "say overlap='allow'"),
        ({"at_most": 0}, "from 1 to 1,000"),
        ({"jitter": -1}, "0 or more"),
        ({"queue": ""}, "queue=''"),
        ({"name": "two words"}, "without blanks"),
    ]
    for how, said in cases:
        with pytest.raises(SettingsError, match=said):
            add(engine, **how)
    assert engine.schedules.all() == []


def test_inputs_are_checked_when_it_is_added(engine: Engine) -> None:
    with pytest.raises(InputError, match="needs input 'kind'"):
        engine.schedules.add("s", flow, every=60)
    with pytest.raises(InputError, match="has no input 'sort'"):
        engine.schedules.add("s", flow, {"kind": "short", "sort": 1}, every=60)
    with pytest.raises(InputError, match="has no input 'when'"):
        engine.schedules.add("s", flow, {"kind": "short"}, every=60, moment_input="when")
    with pytest.raises(SettingsError, match="give it no value besides"):
        engine.schedules.add("s", flow, {"kind": "short"}, every=60, moment_input="kind")


def test_a_schedule_that_is_not_there_is_told_with_the_nearest(engine: Engine) -> None:
    with pytest.raises(RunNotFound, match="there is none yet"):
        engine.schedules.get("nightly")
    add(engine, "nightly")
    with pytest.raises(RunNotFound, match="did you mean 'nightly'"):
        engine.schedules.pause("nigthly")


def test_code_that_changed_since_is_not_taken_for_what_it_was(
    engine: Engine, clock: VirtualClock, tmp_path: Path
) -> None:
    file = tmp_path / "scheduled_flow.py"
    text = "from penstock import Workflow, task\none = task(lambda: 1, name='one')\nflow = Workflow('w')\nflow.add_task(one)\n"
    file.write_text(text)
    engine.schedules.add("s", load(str(file)), every=60)
    versions = []
    for changed in (text, text + "# more\n"):
        file.write_text(changed)
        clock.advance(60)
        fire(engine)
        versions.append(engine.get("latest").events()[0][2].version)  # type: ignore[union-attr]
    assert versions[0] != ""
    assert versions[1] == ""  # whoever drives it finds out


@pytest.mark.parametrize("text", ["no JSON", "[1]"])
def test_one_that_cannot_be_fired_here_does_not_hold_up_others(
    text: str, engine: Engine, clock: VirtualClock, caplog: pytest.LogCaptureFixture
) -> None:
    add(engine, "good")
    add(engine, "bad", moment_input="day")
    store = engine.durable_store()
    kept = find_kept(store, "bad")
    assert kept is not None
    broken = msgspec.structs.replace(kept.schedule, inputs=text)
    store.commit([Change(puts=[put_of(broken, "v")])])
    clock.advance(60)
    firer = Firer(engine)
    firer.look()
    with caplog.at_level(logging.WARNING):
        assert firer.fire() == 1
    assert "schedule bad is left to other processes" in caplog.text
    assert not firer.is_due
    clock.advance(60)
    firer.look()
    assert firer.fire() == 1


def test_serving_fires_until_it_is_told_to_stop(engine: Engine, clock: VirtualClock) -> None:
    serving = Serving(engine)
    thread = threading.Thread(target=serving.serve)
    thread.start()
    engine.schedules.add("s", flow, {"kind": "short"}, every=60)
    clock.advance(60)
    while serving.fired == 0:  # the test's limit is the wait's
        engine.durable_store().ring([TOPIC])
        thread.join(0.01)
    serving.stop()
    thread.join(60)
    assert (thread.is_alive(), len(moments_of(engine))) == (False, 1)
