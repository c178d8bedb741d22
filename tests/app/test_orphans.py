"""Runs whose process is gone."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import penstock

KILLED = """
import os, signal
from penstock import Workflow, task

@task
def hang():
    open("tries", "a").write("x")
    os.kill(os.getpid(), signal.SIGKILL)

flow = Workflow("hanging")
flow.add_task(hang)
flow.using(store="runs.db").run()
"""


def test_a_run_whose_process_was_just_killed_is_cancelled_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would otherwise be resumed first, and a step that kills its process could never be cancelled."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "hanging.py").write_text(KILLED)
    killed = subprocess.run([sys.executable, "hanging.py"], env={**os.environ}, timeout=300, check=False)
    assert killed.returncode == -signal.SIGKILL
    with penstock.open("runs.db") as engine:
        run = engine.get("latest")
        assert run.status == "running"
        run.cancel("it kills its process")
        assert engine.get(run.id).status == "cancelled"
    assert (tmp_path / "tries").read_text() == "x"
