"""A fork of a real job, the census: one edited value runs only what depends on it, and `diff` tells just that."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from penstock.app import open_engine
from penstock.app.comparing import compare
from penstock.cli.documents import value_of
from penstock.model import events as e

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


@pytest.fixture
def census(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(EXAMPLES))
    import census

    return census


def test_one_edited_value_runs_only_what_depends_on_it_and_only_that_differs(
    census: Any, tmp_path: Path
) -> None:
    with open_engine(f"sqlite:///{tmp_path}/runs.db", durability="crash") as engine:
        run = engine.run(census.flow, {"limit": 8, "out": tmp_path / "out"})
        measured = run.steps["measure"].result
        edited = [dataclasses.replace(measured[0], lines=measured[0].lines + 1000), *measured[1:]]
        fork = engine.fork(run, set={"measure.output": edited}, wait=True, definition=census.flow)
        assert fork.status == "completed"
        started = [event.step for _, _, event in fork.events() if isinstance(event, e.StepStarted)]
        assert started == ["join", "report"]
        found = compare((run.id, fork.id), run.events(), fork.events(), value_of)
    assert [step.step for step in found.steps if step.values] == ["measure", "join"]
    assert [step for step in found.steps if step.status or step.error or step.attempts] == []
    assert [inside.at for inside in found.steps[0].values] == ["[0].lines"]
    assert not any((found.inputs, found.code, found.status, found.result))
