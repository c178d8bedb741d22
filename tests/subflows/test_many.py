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
