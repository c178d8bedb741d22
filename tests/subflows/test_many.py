"""Many runs that are steps of one: what looking after them costs."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest

import penstock
from penstock import Workflow
from tests.faults.lives import wait_until
from tests.subflows.family import counting

CHILDREN = 30


def test_runs_that_wait_for_workers_are_looked_at_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flow = Workflow("many")
    for number in range(CHILDREN):
        flow.add_workflow(counting(), name=f"child{number}", own_run=True, queue="elsewhere")
    with penstock.open(f"sqlite:///{tmp_path / 'runs.db'}") as engine:
        engine.start(flow, {"text": "abc"})
        wait_until(lambda: len(engine.rows(workflow="counting")) == CHILDREN, "all are in the queue")
        store, here, asked = engine.durable_store(), threading.get_ident(), []
        get = store.get

        def counted(table: str, keys: Any) -> Any:
            if threading.get_ident() == here:
                asked.append(table)
            return get(table, keys)

        monkeypatch.setattr(store, "get", counted)
        engine.follow_kin()
    assert 1 <= len(asked) <= 3


def test_a_pause_reaches_the_runs_of_runs() -> None:
    innermost = Workflow("innermost")
    innermost.add_signal("word", type=str)
    middle = Workflow("middle")
    middle.add_workflow(innermost, own_run=True)
    outer = Workflow("outer")
    for number in range(3):
        outer.add_workflow(middle, name=f"middle{number}", own_run=True)
    with penstock.open("ephemeral") as engine:
        run = engine.start(outer)
        wait_until(lambda: len(statuses(engine, "innermost")) == 3, "all have begun")
        run.pause()
        wait_until(lambda: statuses(engine, "innermost") == ["paused"] * 3, "all are paused")
        run.resume()
        wait_until(lambda: statuses(engine, "innermost") == ["running"] * 3, "all go on")
        run.cancel()
        assert run.wait(60) == "cancelled"


def statuses(engine: penstock.Engine, workflow: str) -> list[str]:
    held = engine.holdings.all()
    return [each.state.status for each in held if each.state.workflow == workflow]
