"""What tests of simulated workflows share: an empty project, a runner on a store of its own, and workflows to put there."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import penstock
from penstock.simulations import WorkflowRunner

WORKFLOWS = Path(__file__).resolve().parents[2] / "workflows"

Write = Callable[..., Path]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty project with a folder of workflows, where the test stands."""
    (tmp_path / "workflows").mkdir()
    (tmp_path / ".penstock").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("PENSTOCK_STORE", raising=False)
    return tmp_path


@pytest.fixture
def engine(project: Path) -> Iterator[penstock.Engine]:
    with penstock.open(project / "runs.db") as opened:
        yield opened


@pytest.fixture
def runner(engine: penstock.Engine) -> WorkflowRunner:
    """A runner of the project's own workflows."""
    return WorkflowRunner(engine)


@pytest.fixture
def shipped(engine: penstock.Engine) -> WorkflowRunner:
    """A runner of the workflows that come with Penstock."""
    return WorkflowRunner(engine, folder=WORKFLOWS)


@pytest.fixture
def write(project: Path) -> Write:
    """Writes a workflow's code, its `execute` given as lines; what else is given becomes the constructor's parameters."""

    def write(name: str, *lines: str, constructor: str = "parameters", head: str = "") -> Path:
        names = [each.strip().partition("=")[0] for each in constructor.split(",")]
        body = "".join(f"        {line}\n" for line in lines)
        keep = "".join(f"        self.{each} = {each}\n" for each in names)
        path = project / "workflows" / f"{name}.py"
        path.write_text(
            f"{head}\nclass WorkflowExecutor:\n    def __init__(self, {constructor}):\n{keep}\n"
            f"    def execute(self, env):\n{body}"
        )
        return path

    return write
