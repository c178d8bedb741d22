"""Failure at each step of a workflow of ten, in turn: exactly the finished ones are undone, in reverse, whatever is killed."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

import penstock
from penstock.model import events as e
from tests.saga import ten


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(ten, "effects", tmp_path / "effects")
    return tmp_path


def lines(place: Path) -> list[str]:
    return (place / "effects").read_text().splitlines() if (place / "effects").exists() else []


@pytest.mark.parametrize("style", ten.STYLES)
@pytest.mark.parametrize("number", range(1, ten.STEPS + 1))
def test_a_failure_undoes_exactly_what_had_finished(
    number: int, style: str, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ten, "fail_at", number)
    with penstock.open(f"sqlite:///{place / 'runs.db'}") as engine:
        assert engine.run(ten.STYLES[style]).status == "failed"
    done = [f"do {n}" for n in range(1, number)]
    assert lines(place) == done + [f"un{line}" for line in reversed(done)]


@pytest.mark.parametrize("number", range(2, ten.STEPS + 1))
def test_killed_in_the_middle_of_undoing_it_goes_on_with_undoing(number: int, place: Path) -> None:
    style = list(ten.STYLES)[number % 2]
    dies_at = number // 2
    store = f"sqlite:///{place / 'runs.db'}"
    script = [sys.executable, ten.__file__, store, str(place / "effects"), str(number), str(dies_at), style]
    assert subprocess.run(script, check=False).returncode == -signal.SIGKILL
    before = lines(place)
    assert f"undo {number - 1}" in before or dies_at == number - 1
    assert before.count("undo 1") == (1 if dies_at == 1 else 0)
    with penstock.open(store) as engine:
        run = engine.resume(engine.get("latest").id, ten.STYLES[style], wait=True)
        assert run.status == "failed"
        done = [event.step for _, _, event in run.events() if isinstance(event, e.StepDone)]
        failed = [event for _, _, event in run.events() if isinstance(event, e.StepFailed)]
    finished = done[: number - 1]
    assert done == finished + [f"undo:{name}" for name in reversed(finished)]
    assert [event.error.cause for event in failed] == ["error", "lost"]
    undone = [line for line in lines(place) if line.startswith("undo")]
    twice = f"undo {dies_at}" if dies_at % 2 else None  # its effect was there before it was killed
    wanted = [f"undo {n}" for n in range(number - 1, 0, -1)]
    assert [line for n, line in enumerate(undone) if line not in undone[:n]] == wanted
    assert len(undone) - len(wanted) == (twice is not None)
