"""`penstock show` names parent and children, and what was undone."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

import penstock
from penstock.cli.commands import penstock as command
from tests.subflows import family


def shown(store: str, run: str, *more: str) -> str:
    result = CliRunner().invoke(command, ["show", run, "--store", store, *more])
    assert result.exit_code == 0, result.output
    return result.output


@pytest.fixture
def store(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'runs.db'}"


def test_a_run_names_its_children_and_a_child_its_parent(store: str) -> None:
    with penstock.open(store) as engine:
        run = engine.run(family.flow, {"text": "abc"})
    told = json.loads(shown(store, run.id, "--json"))
    (child,) = told["children"]
    assert (child["step"], child["workflow"], child["status"]) == ("counting", "counting", "completed")
    assert f"{child['run']}  counting" in shown(store, run.id)
    assert json.loads(shown(store, child["run"], "--json"))["parent"] == run.id
    assert run.id in shown(store, child["run"])


def test_the_latest_run_is_none_that_is_a_step_of_another(store: str) -> None:
    with penstock.open(store) as engine:
        run = engine.run(family.flow, {"text": "abc"})
        newest = engine.rows(limit=1)[0]["id"]
        assert newest != run.id, "its child began later"
        assert engine.get("latest").id == run.id
    assert json.loads(shown(store, "latest", "--json"))["run"] == run.id


def test_a_run_that_was_undone_is_not_to_be_resumed(store: str) -> None:
    from penstock import Workflow

    flow = Workflow("undone")
    flow.add_task(lambda: 1, name="one", undo=lambda it: None)
    flow.add_task(lambda: 1 // 0, name="two", depends_on=["one"])
    with penstock.open(store) as engine:
        run = engine.run(flow)
    assert json.loads(shown(store, run.id, "--json"))["undone"]
    assert "cannot be resumed" in shown(store, run.id)
    assert "penstock resume" not in shown(store, run.id)
