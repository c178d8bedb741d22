"""Worker processes that take over runs whose files were edited after the worker before was killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.faults.lives import wait_until

FLOW = """
import time
from pathlib import Path

from penstock import Workflow, task


def say(name):
    with open("log", "a") as file:
        file.write(name + " ")


@task
def load() -> int:
    say("load")
    return 20


@task
def double(load: int) -> int:
    say("double")
    return 2 * load


@task
def wait(double: int) -> int:
    say("wait")
    while not Path("go").exists():
        time.sleep(0.005)
    return double


@task
def last(wait: int, load: int) -> int:
    return wait + load


flow = Workflow("mending"{options})
flow.add_task(load)
flow.add_task(double, depends_on=["load"])
flow.add_task(wait, depends_on=["double"])
flow.add_task(last, depends_on=["wait", "load"])
"""
PENSTOCK = [sys.executable, "-m", "penstock"]


class Site:
    """A folder with a workflow, a store and worker processes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.workers: list[subprocess.Popen[str]] = []
        self.environment = {**os.environ, "PENSTOCK_STORE": f"sqlite:///{folder}/runs.db"}

    def write(self, text: str, options: str) -> None:
        (self.folder / "mending.py").write_text(text.replace("{options}", options))

    def penstock(self, *words: str) -> Any:
        done = subprocess.run(
            [*PENSTOCK, *words, "--json"],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            check=True,
        )
        return json.loads(done.stdout)

    def hire(self, *words: str) -> subprocess.Popen[str]:
        worker = subprocess.Popen(
            [*PENSTOCK, "worker", *words],
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.workers.append(worker)
        return worker

    def log(self) -> list[str]:
        file = self.folder / "log"
        return file.read_text().split() if file.exists() else []

    def interrupted(self, options: str) -> str:
        """A run whose worker was killed within its third step."""
        self.write(FLOW, options)
        run: str = self.penstock("submit", "mending.py")["run"]
        worker = self.hire()
        wait_until(lambda: "wait" in self.log(), "the run is under way")
        worker.kill()
        worker.wait()
        (self.folder / "go").touch()
        (self.folder / "log").unlink()
        return run

    def close(self) -> None:
        for worker in self.workers:
            worker.kill()
            worker.communicate()


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    made = Site(tmp_path)
    yield made
    made.close()


EDITED = FLOW.replace(
    "2 * load", "load + 2 * load"
)  # of another size: what Python compiled before is not taken for it


def test_a_worker_says_what_changed_and_goes_on(site: Site) -> None:
    run = site.interrupted("")
    site.write(EDITED, "")
    out, err = site.hire("--until-idle").communicate(timeout=300)
    assert "1 run driven" in out
    assert f"run {run} goes on with other code: double (changed: mending.double)" in err
    shown = site.penstock("show", run)
    assert (shown["status"], shown["result"], site.log()) == ("completed", 60, ["wait"])
    assert shown["code_changed"] == {"double": {"fate": "changed", "parts": ["mending.double"]}}


def test_a_worker_leaves_a_run_whose_author_refuses_other_code_to_those_that_have_it(site: Site) -> None:
    options = ", on_change='refuse'"
    run = site.interrupted(options)
    site.write(EDITED, options)
    worker = site.hire()

    def refusals() -> list[str]:
        causes = site.penstock("why", run)["causes"]
        return [each["text"] for each in causes if each["kind"] == "no_code"]

    (said,) = wait_until(refusals, "it is left to others")
    assert "the code of run" in said
    assert "double (changed: mending.double)" in said
    worker.send_signal(signal.SIGTERM)
    _, err = worker.communicate(timeout=300)
    assert f"run {run} is left to other workers: the code of run {run} has changed since it began" in err
    assert site.log() == []
    site.write(FLOW, options)
    assert "1 run driven" in site.hire("--until-idle").communicate(timeout=300)[0]
    shown = site.penstock("show", run)
    assert (shown["status"], shown["result"], shown["code_changed"]) == ("completed", 60, {})


def test_a_worker_goes_on_in_a_new_run_where_the_author_says_so(site: Site) -> None:
    options = ", on_change='new_run'"
    run = site.interrupted(options)
    site.write(EDITED, options)
    out, err = site.hire("--until-idle").communicate(timeout=300)
    assert "1 run driven" in out
    (fresh,) = [each["run"] for each in site.penstock("runs") if each["run"] != run]
    assert f"run {run} goes on as run {fresh}, for its code has changed: double (changed" in err
    shown = site.penstock("show", fresh)
    assert (shown["status"], shown["result"], shown["made_of"]) == ("completed", 80, run)
    assert site.log() == ["double", "wait"]
    causes = site.penstock("why", run)["causes"]
    assert causes[0]["kind"] == "paused"
    assert f"it goes on as run {fresh}" in causes[0]["text"]
