"""What the command line tells of results that are used again, and of code that changed."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

FLOW = """
from penstock import Cache, Workflow, task

@task
def load(n: int = 3) -> int:
    return n

@task(cache=Cache(expires="1h"))
def double(load: int) -> int:
    print("doubling")
    return 2 * load

@task
def last(double: int) -> int:
    if BROKEN:
        raise ValueError("not yet")
    return double

BROKEN = {broken}
flow = Workflow("flow")
flow.add_task(load)
flow.add_task(double, depends_on=["load"])
flow.add_task(last, depends_on=["double"])
"""


def penstock(folder: Path, *args: str, code: int = 0) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "penstock", *args],
        cwd=folder,
        env={**os.environ, "PENSTOCK_STORE": "sqlite:///runs.db", "NO_COLOR": "1", "COLUMNS": "160"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


def write(folder: Path, *, broken: bool = False, factor: int = 2) -> None:
    text = FLOW.replace("{broken}", str(broken)).replace("2 * load", f"{factor} * load")
    (folder / "flow.py").write_text(text)


def test_hits_and_misses_are_told_and_a_refresh_runs_the_step(tmp_path: Path) -> None:
    write(tmp_path)
    assert "no result of flow.double is kept yet" in _shown(tmp_path)
    assert "from run" in _shown(tmp_path)
    assert "it was to be refreshed" in _shown(tmp_path, "--refresh", "double")
    assert "it was to be refreshed" in _shown(tmp_path, "--refresh")
    write(tmp_path, factor=3)
    shown = _shown(tmp_path)
    assert "ran: its code changed: flow.double" in shown
    assert re.search(r"result +9", shown)


def _shown(folder: Path, *options: str) -> str:
    penstock(folder, "run", "flow.py", "-q", *options)
    return penstock(folder, "show", "latest")


def test_results_are_listed_and_forgotten(tmp_path: Path) -> None:
    write(tmp_path)
    penstock(tmp_path, "run", "flow.py", "-q")
    penstock(tmp_path, "run", "flow.py", "-q", "--n", "4")
    (listed,) = json.loads(penstock(tmp_path, "cache", "list", "--json"))
    assert (listed["function"], listed["results"], listed["expired"]) == ("flow.double", 2, 0)
    assert "flow.double" in penstock(tmp_path, "cache")
    assert "say whose results" in penstock(tmp_path, "cache", "clear", code=2)
    assert "0 results forgotten" in penstock(tmp_path, "cache", "clear", "--expired")
    assert "2 results forgotten" in penstock(tmp_path, "cache", "clear", "flow.double")
    assert "no results are kept" in penstock(tmp_path, "cache")
    assert "no result of flow.double" in _shown(tmp_path)


def test_a_resumed_run_goes_on_as_it_is_told(tmp_path: Path) -> None:
    write(tmp_path, broken=True)
    penstock(tmp_path, "run", "flow.py", "-q", code=1)
    write(tmp_path, factor=3)
    refused = penstock(tmp_path, "resume", "latest", "--on-change", "refuse", code=2)
    assert "double (changed: flow.double)" in refused
    said = penstock(tmp_path, "resume", "latest", "--on-change", "new_run")
    assert "goes on as run" in said
    assert re.search(r"result +9", penstock(tmp_path, "show", "latest"))
