"""Documents as earlier versions wrote them: they are read, and fired, for ever."""

from __future__ import annotations

import json

import msgspec
import pytest

from penstock.app import Engine
from penstock.app.retention import Pruned, Terms
from penstock.app.scheduling.firing import Firer
from penstock.app.scheduling.rules import Cron
from penstock.app.scheduling.shelf import get_kept
from penstock.clocks import VirtualClock
from penstock.errors import StoreTooNew
from penstock.model.changes import Change, Put
from tests.schedules.conftest import START

FIRST = (
    '{"name":"nightly","workflow":"report","rule":{"type":"cron","expression":"30 2 * * *","zone":"Europe/Rome"},'
    '"inputs":"{\\"kind\\":\\"long\\"}","source":{"module":"reports","name":"flow","file":"/srv/reports.py","hash":"18c4da83"},'
    '"version":"55102da193bb502c","queue":"default","priority":0,"tags":{},"timeout":null,"catch_up":"latest","at_most":100,'
    '"overlap":"allow","jitter":0.0,"until":null,"moment_input":"day","moment_as_text":false,"paused":false,'
    '"next":1700011800.0,"due":1700011800.0,"last":null,"last_run":null,"fired":0,"left_out":0}'
)
PRUNED = (
    '{"at":1700000000.0,"by":"a.1.2.b","terms":{"older_than":86400.0,"statuses":["failed"]},"runs":["11be6d54c4876e30"],'
    '"found":1,"workflows":{"report":1},"deleted":1}'
)


def test_a_schedule_of_the_first_version_is_read_and_fired(engine: Engine, clock: VirtualClock) -> None:
    store = engine.durable_store()
    store.commit(
        [
            Change(
                puts=[
                    Put("documents", "schedule:nightly", {"kind": "schedule", "version": "1", "data": FIRST})
                ]
            )
        ]
    )
    kept = get_kept(store, "nightly").schedule
    assert (kept.rule, kept.inputs) == (Cron("30 2 * * *", "Europe/Rome"), '{"kind":"long"}')
    clock.time = 1_700_011_800.0
    firer = Firer(engine)
    firer.look()
    assert firer.fire() == 1
    (row,) = engine.rows()
    assert json.loads(row["tags"]) == {"schedule": "nightly", "moment": "2023-11-15T01:30:00+00:00"}
    assert engine.schedules.get("nightly").next == START + 11_800 + 86_400


def test_what_a_newer_version_wrote_is_passed_over(engine: Engine) -> None:
    newer = json.dumps({"name": "s", "workflow": "w", "rule": {"type": "tides", "port": "Bristol"}})
    store = engine.durable_store()
    store.commit(
        [Change(puts=[Put("documents", "schedule:s", {"kind": "schedule", "version": "1", "data": newer})])]
    )
    firer = Firer(engine)
    assert firer.look() == []
    assert engine.schedules.all() == []
    with pytest.raises(StoreTooNew, match="newer Penstock"):
        engine.schedules.pause("s")


def test_a_deletion_of_the_first_version_is_read() -> None:
    record = msgspec.json.decode(PRUNED, type=Pruned)
    assert (record.deleted, record.terms) == (1, Terms(older_than=86_400.0, statuses=("failed",)))
