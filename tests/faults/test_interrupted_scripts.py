"""Ctrl-C, SIGTERM, and scripts that end while a run is under way: they end soon, and the run can be gone on with at once."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from penstock.stores.sqlite import SqliteStore
from tests.faults.lives import marked, wait_until

SCRIPT = Path(__file__).with_name("interrupted.py")
SOON_SECONDS = 30.0
"""What is promised is one second, on a machine that does nothing else; the slow step takes ten minutes."""


class Script:
    """The script in a process of its own, with a store of its own."""

    def __init__(self, folder: Path, how: str) -> None:
        self.how = how
        self.store = folder / "store.db"
        self.side = folder / "side"
        self.slow = folder / "side.slow"
        self.slow.touch()
        self.mark = f"script-{os.getpid()}-{folder.name}"

    def start(self, *more: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, str(SCRIPT), self.how, str(self.store), str(self.side), *more],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "DRIVEN_MARK": self.mark},
        )

    def is_in_the_slow_step(self) -> bool:
        return self.side.exists()

    def row(self) -> dict[str, Any]:
        store = SqliteStore(self.store)
        try:
            (row,) = store.find("runs")
            return row
        finally:
            store.close()

    def resume(self) -> str:
        """What the run gives when it is gone on with, now that nothing is slow."""
        self.slow.unlink()
        out, err = self.start(self.row()["id"]).communicate(timeout=300)
        assert err == ""
        return out.strip()


def end(script: Script, number: signal.Signals) -> tuple[float, int, str]:
    """Send the signal while the slow step runs: how long the end took, the exit code, and what was said."""
    with script.start() as process:
        try:
            wait_until(script.is_in_the_slow_step, "the slow step has begun")
            process.send_signal(number)
            began = time.monotonic()
            _, err = process.communicate(timeout=300)
            return time.monotonic() - began, process.returncode, err
        finally:
            process.kill()


CASES = [
    (how, number)
    for how in ("inline", "threads", "processes", "asyncio")
    for number in (signal.SIGINT, signal.SIGTERM)
]


@pytest.mark.parametrize(("how", "number"), [*CASES, ("run_async", signal.SIGINT)])
def test_an_interrupted_run_ends_its_workers_says_how_to_go_on_and_can_be_gone_on_with_at_once(
    how: str, number: signal.Signals, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    script = Script(tmp_path, how)
    seconds, code, said = end(script, number)
    assert code != 0
    assert seconds < SOON_SECONDS
    wait_until(lambda: not marked(script.mark), "no worker outlives the script", SOON_SECONDS)
    row = script.row()
    assert (row["status"], row["state"], row["owner"]) == ("running", "ready", None), (
        "the lease was given back"
    )
    assert re.search(rf"run {row['id']} was left unfinished; go on: penstock resume {row['id']}", said), said
    assert script.resume() == "42"
    record_property("told", f"seconds from {number.name} to the end of a script: {how:<10}{seconds:6.2f}")


def test_a_script_that_ends_with_a_run_in_the_background_does_not_hang_and_leaves_it_to_be_resumed(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    script = Script(tmp_path, "start")
    with script.start() as process:
        wait_until(script.is_in_the_slow_step, "the slow step has begun")
        began = time.monotonic()
        out, err = process.communicate(timeout=300)
        seconds = time.monotonic() - began
    assert process.returncode == 0
    assert seconds < SOON_SECONDS
    run = out.strip()
    assert f"run {run} was left unfinished; go on: penstock resume {run}" in err
    row = script.row()
    assert (row["id"], row["state"], row["owner"]) == (run, "ready", None)
    assert script.resume() == "42"
    record_property(
        "told", f"seconds a script takes to end that leaves a run in the background: {seconds:.2f}"
    )
