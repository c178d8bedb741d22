"""Store files made by earlier versions are opened, shown and resumed for ever."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import penstock
from penstock.model import events as e

HERE = Path(__file__).parent
FILES = sorted(HERE.glob("[0-9]*.db"))


@pytest.fixture(params=FILES, ids=lambda path: path.stem)
def engine(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[penstock.Engine]:
    monkeypatch.delenv("KEPT", raising=False)
    monkeypatch.syspath_prepend(str(HERE))
    copy = shutil.copy(request.param, tmp_path / "store.db")
    with penstock.open(str(copy), lease_seconds=0.2) as opened:
        yield opened
    sys.modules.pop("workflows_0001", None)


def _run(engine: penstock.Engine, status: str) -> Any:
    (row,) = engine.rows(status=status)
    return engine.get(row["id"])


def test_some_file_is_kept() -> None:
    assert FILES


def test_a_kept_file_is_sound(engine: penstock.Engine) -> None:
    assert engine.durable_store().check() == []


def test_a_completed_run_is_shown(engine: penstock.Engine) -> None:
    import workflows_0001 as kept

    engine.learn(kept.flow)
    run = _run(engine, "completed")
    assert run.result() == (8, 100_000)
    assert run.steps["read"].result == [kept.Reading(f"n{i}", 2) for i in range(4)]
    assert run.steps["large"].result == "x" * 100_000


def test_a_failed_run_is_shown_and_reopened(engine: penstock.Engine) -> None:
    import workflows_0001 as kept

    run = _run(engine, "failed")
    assert (run.error.type, run.error.message, run.error.step) == ("ValueError", "asked to fail", "flaky")
    assert engine.resume(run.id, kept.flow, wait=True).result() == (8, 100_000)


def test_a_killed_run_goes_on_where_it_stopped(engine: penstock.Engine) -> None:
    import workflows_0001 as kept

    run = _run(engine, "running")
    before = {(x.step, x.item) for _, _, x in run.events() if isinstance(x, e.StepDone)}
    assert ("read", 3) in before
    resumed = engine.resume(run.id, kept.flow, wait=True)
    started = [(x.step, x.item) for _, _, x in resumed.events() if isinstance(x, e.StepStarted)]
    assert resumed.result() == (8, 100_000)
    assert all(started.count(step) == 1 for step in before)
