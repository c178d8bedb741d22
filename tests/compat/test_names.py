"""The packages of penstock-compat: what they change, whose names they take, and how they are installed."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest

import flowweaver
from penstock import tasks

COMPAT = Path(__file__).resolve().parents[2] / "compat"


class OnFile:
    """What an executor asks of a state store of ours: where it is, and what it holds."""

    def __init__(self, path: Path, **completed: Any) -> None:
        self.address = f"sqlite:///{path}"
        self.completed = completed

    def load_task_state(self, task_name: str) -> Any:
        held = task_name in self.completed
        return {"status": "COMPLETED", "result": self.completed[task_name]} if held else None

    def save_task_state(self, *state: Any) -> None:
        raise AssertionError("a store of ours holds the run; nothing is to be saved beside it")


def flow_of(ran: list[str]) -> flowweaver.Workflow:
    flow = flowweaver.Workflow("names")
    flow.add_task(flowweaver.Task("one", lambda: ran.append("one")))
    flow.add_task(flowweaver.Task("two", lambda one: ran.append("two")), ["one"])
    return flow


@pytest.mark.parametrize("kind", ["SequentialExecutor", "ThreadedExecutor", "AsyncExecutor"])
def test_states_are_kept_by_task_name_here_and_by_run_there(kind: str, tmp_path: Path) -> None:
    store, ran = OnFile(tmp_path / "runs.db", one=0), []
    flow = flow_of(ran)
    executor = getattr(flowweaver, kind)(state_store=store)
    executor.execute(flow)
    assert (ran, flow._result_store) == (["two"], {"one": 0, "two": None})
    assert flow._build_context_for_task("two") == {"one": 0}
    assert isinstance(executor, flowweaver.BaseExecutor)
    assert isinstance(executor, getattr(tasks, kind))
    getattr(tasks, kind)(state_store=store).execute(flow_of(ran))
    assert ran == ["two", "one", "two"]


def test_the_underscore_names_ask_and_tell_the_store(tmp_path: Path) -> None:
    executor = flowweaver.SequentialExecutor(OnFile(tmp_path / "runs.db", one=0))
    assert executor._restore_task_from_store(flowweaver.Task("one", int))
    assert not executor._restore_task_from_store(flowweaver.Task("other", int))
    with pytest.raises(AssertionError, match="nothing is to be saved"):
        executor._save_task_to_store(flowweaver.Task("one", int))


# ── whose names they are ────────────────────────────────────────────────────────────────────────────────────────────


def run(code: str, *path: Path) -> subprocess.CompletedProcess[str]:
    """Run code in a Python of its own, with these folders first on its path."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, path))}
    return subprocess.run(
        [sys.executable, "-c", code],
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


@pytest.fixture
def original(tmp_path: Path) -> Path:
    """A folder where somebody else's flowweaver is installed."""
    package = tmp_path / "elsewhere" / "flowweaver"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("from flowweaver.inner import WHOSE\n")
    (package / "inner.py").write_text("WHOSE = 'theirs'\n")
    return package.parent


def test_beside_an_original_it_says_so_and_steps_back(original: Path) -> None:
    done = run(
        "import flowweaver; print(flowweaver.WHOSE, hasattr(flowweaver, 'Workflow'))", COMPAT, original
    )
    assert done.stdout == "theirs False\n"
    assert f"flowweaver is installed at {original / 'flowweaver' / '__init__.py'}" in done.stderr
    assert "penstock-compat steps back" in done.stderr


def test_alone_it_is_silent(tmp_path: Path) -> None:
    done = run("import flowweaver; print(flowweaver.Workflow.__module__)", COMPAT, COMPAT.parent / "compat")
    assert (done.stdout, done.stderr) == ("flowweaver\n", "")


def test_it_tells_whose_each_name_is(original: Path) -> None:
    code = "import runpy; runpy.run_module('penstock_compat', run_name='__main__')"
    assert run(code, COMPAT).stdout.startswith("flowweaver: Penstock, ")
    assert run(code, original, COMPAT).stdout.startswith("flowweaver: its own system, ")


def test_the_wheel_overwrites_nothing_and_gives_way(original: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path / "dist")]
    subprocess.run(command, cwd=COMPAT, check=True, capture_output=True, timeout=300)
    (wheel,) = (tmp_path / "dist").glob("*.whl")
    site = tmp_path / "site"
    zipfile.ZipFile(wheel).extractall(site)
    assert not (site / "flowweaver").exists()
    code = f"import site; site.addsitedir({str(site)!r}); import flowweaver; print(flowweaver.__file__)"
    assert run(code).stdout.startswith(str(site / "penstock_compat_names"))
    beside = run(code, original)
    assert (beside.stdout, beside.stderr) == (f"{original / 'flowweaver' / '__init__.py'}\n", "")
