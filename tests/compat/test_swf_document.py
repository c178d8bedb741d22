"""The document of SWF's workflows holds on Penstock: its blocks run as they stand, its records and names exist.

Nothing in it was overlooked: what cannot be run is listed, and something is tested in its place.
"""

from __future__ import annotations

import ast
import inspect
import json
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import simpy

import penstock
from penstock import simulations
from penstock.simulations import WorkflowRunner
from tests.compat.documents import ROOT, Block, Document

DOCUMENT = Document("swf.md")
WORKFLOWS = ROOT / "workflows"

PROSE = {
    "class WorkflowDefinition(models.Model)": "Django's models: their fields are those of our records",
    "class WorkflowRunner:": "its inside, in Django's words: its names and parameters are those of our runner",
    "workflows/\n├──": "a drawing of a folder: its files are there",
}
"""Blocks that cannot be run as they stand, by how they begin after their first comment, and what is tested in their place."""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder with the workflows that come with Penstock, and a local configuration, as the document has them."""
    (tmp_path / "workflows").mkdir()
    (tmp_path / ".penstock").mkdir()
    for file in WORKFLOWS.iterdir():
        if file.is_file():
            (tmp_path / "workflows" / file.name).write_text(file.read_text())
    config = (tmp_path / "workflows" / "epic_fast_10_workers.toml").read_text()
    (tmp_path / "my_config.toml").write_text(config.replace("worker_count = 10", "worker_count = 11"))
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("PENSTOCK_STORE", raising=False)
    yield tmp_path
    penstock.close_all()


# ── how a block is run ──────────────────────────────────────────────────────────────────────────────────────────────


def run_configuration(block: Block, project: Path) -> None:
    """It is the shipped file, and valid."""
    (name,) = re.findall(r"# workflows/(\w+\.toml)", block.text)
    assert tomllib.loads(block.text) == tomllib.loads((WORKFLOWS / name).read_text())
    (project / "workflows" / name).write_text(block.text)
    assert WorkflowRunner().run(Path(name).stem).status == "completed"


def run_executor(block: Block, project: Path) -> None:
    """In an environment of one's own, and through the runner, in a process of its own: the same virtual time."""
    namespace: dict[str, Any] = {}
    exec(DOCUMENT.compiled(block), namespace)
    cls = namespace["WorkflowExecutor"]
    counted: list[float] = []
    name = "generate_stf" if hasattr(cls, "generate_stf") else "generate_stf_with_workers"
    generate = getattr(cls, name)
    setattr(cls, name, lambda self, env: counted.append(env.now) or generate(self, env))
    env = simpy.Environment()
    parameters = tomllib.loads((WORKFLOWS / "epic_fast_10_workers.toml").read_text())["parameters"]
    env.process(cls(parameters).execute(env))
    env.run()
    assert len(counted) == 1715
    (project / "workflows" / "printed.py").write_text(block.text)
    config = {"workflow": {"name": "printed"}, "parameters": parameters}
    found = WorkflowRunner().run("printed", config=config)
    assert (found.status, found.error_message) == ("completed", None)
    assert found.performance_metrics is not None
    assert found.performance_metrics["virtual_seconds"] == pytest.approx(env.now)


def run_commands(block: Block, project: Path) -> None:
    """Lines `swf-testbed ...`, in a shell that has the command."""
    program = project / "bin" / "swf-testbed"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m penstock_compat.swf_testbed "$@"\n')
    program.chmod(0o755)
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "compat")}
    environment["PATH"] = f"{program.parent}{os.pathsep}{environment['PATH']}"
    done = subprocess.run(
        ["sh", "-e", "-c", block.text],
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = WorkflowRunner().executions.all()
    assert [each.workflow_definition.workflow_name for each in found[::-1]] == [
        "stf_processing",
        *["epic_fast_processing"] * 2,
    ]
    assert [each.status for each in found] == ["completed"] * 3
    assert [each.parameter_values.get("worker_count") for each in found[::-1]] == [None, 25, 11]


def run_simulator(block: Block, project: Path) -> None:
    """The printed class, on our runner, by name and by configuration."""
    namespace: dict[str, Any] = {
        "WorkflowRunner": WorkflowRunner,
        "toml": SimpleNamespace(load=lambda file: tomllib.loads(Path(file).read_text())),
    }
    exec(DOCUMENT.compiled(block), namespace)
    for cls in (namespace["WorkflowSimulator"], simulations.WorkflowSimulator):
        for how in ({"version": "1.0"}, {"config_file": "my_config.toml"}):
            env = simpy.Environment()
            simulator = cls(env, "epic_fast_processing", **how)
            env.run(env.process(simulator.run_simulation()))
            (found, *_) = WorkflowRunner().executions.all()
            assert found.status == "completed"
            assert found.parameter_values["worker_count"] == (11 if "config_file" in how else 10)
            assert env.now == pytest.approx(3626, abs=10)


def how(block: Block) -> Callable[[Block, Path], object] | None:
    """How a block is run; None if it is prose."""
    if any(block.first.startswith(each) for each in PROSE):
        return None
    if block.language == "toml":
        return run_configuration
    if block.language == "bash" and "swf-testbed" in block.text:
        return run_commands
    if "class WorkflowExecutor" in block.text:
        return run_executor
    return run_simulator if "class WorkflowSimulator" in block.text else None


# ── the tests ───────────────────────────────────────────────────────────────────────────────────────────────────────


def test_every_block_runs_or_is_listed_as_prose(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ran, overlooked = 0, []
    for each in DOCUMENT.blocks():
        run = how(each)
        if run is not None:
            monkeypatch.setenv("PENSTOCK_STORE", str(project / f"{ran}.db"))  # none knows what another kept
            run(each, project)
            ran += 1
        elif not any(each.first.startswith(begin) for begin in PROSE):
            overlooked.append(str(each))
    assert not overlooked
    assert ran == 5


def test_what_is_listed_as_prose_is_in_the_document() -> None:
    found = DOCUMENT.blocks()
    assert not [begin for begin in PROSE if not any(each.first.startswith(begin) for each in found)]


def test_a_block_that_is_neither_run_nor_listed_is_found() -> None:
    assert how(Block(1, "bash", "curl http://example.org\n")) is None
    assert how(Block(1, "python", "class Else: ...\n")) is None


def fields_of(cls: ast.ClassDef) -> list[str]:
    """The fields that a printed model has."""
    return [
        target.id
        for node in cls.body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    ]


def test_our_records_have_every_field_that_is_printed() -> None:
    tree = ast.parse(DOCUMENT.block("models.Model").text)
    printed = {node.name: fields_of(node) for node in tree.body if isinstance(node, ast.ClassDef)}
    assert {name: len(fields) for name, fields in printed.items()} == {
        "WorkflowDefinition": 8,
        "WorkflowExecution": 8,
    }
    for name, fields in printed.items():
        assert not set(fields) - set(getattr(simulations, name)._fields), name


def test_our_runner_has_every_method_that_is_printed_with_its_parameters() -> None:
    tree = ast.parse(DOCUMENT.block("class WorkflowRunner:").text)
    (cls,) = [node for node in tree.body if isinstance(node, ast.ClassDef)]
    functions = [node for node in [*cls.body, *tree.body] if isinstance(node, ast.FunctionDef)]
    names = [function.name for function in functions]
    assert names == ["run_by_name", "register_workflow_from_file", "generate_execution_id"]
    for function in functions:
        ours = getattr(WorkflowRunner, function.name)
        wanted = [argument.arg for argument in function.args.args if argument.arg != "self"]
        assert list(inspect.signature(ours).parameters)[1:][: len(wanted)] == wanted
    called = set(re.findall(r"self\.runner\.(\w+)\(", DOCUMENT.text())) | {
        "send_message",
        "publish",
        "logger",
    }
    assert not called - set(dir(WorkflowRunner))
    assert list(inspect.signature(simulations.generate_execution_id).parameters) == ["workflow_name"]


def test_what_the_printed_runner_does_ours_does(project: Path) -> None:
    """Registers what is not there, overlays overrides, records who runs it; the id begins with the name and the user."""
    runner = WorkflowRunner()
    executor = runner.run_by_name("stf_processing", "1.0", {"physics_duration_min": 0.1})
    printed = {"stf_interval_sec": 2.0, "physics_duration_min": 0.1}
    assert executor.parameters == {**printed, "schedule": "loop"}
    (found,) = runner.executions.all()
    assert found.status == "running"
    assert found.execution_id == f"stf_processing-{found.executed_by}-0001"
    assert found.workflow_definition.definition == (WORKFLOWS / "stf_processing.py").read_text()
    assert json.loads(json.dumps(found.parameter_values)) == executor.parameters
    assert simulations.generate_execution_id("stf_processing") == f"stf_processing-{found.executed_by}-0002"


def test_every_file_that_is_drawn_is_there() -> None:
    drawn = re.findall(r"^[├└]── (\S+)", DOCUMENT.block("├──").text, re.MULTILINE)
    assert len(drawn) == 8
    assert not [name for name in drawn if not (WORKFLOWS / name).is_file()]
    agents = set(re.findall(r"# (example_agents/\w+\.py)", DOCUMENT.text()))
    assert agents == {"example_agents/workflow_simulator.py"}
    assert all((ROOT / name).is_file() for name in agents)


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("workflows/workflow_runner.py stf_processing --version 1.0 --physics-duration-min 1", "completed"),
        ("workflows/config_validator.py workflows/epic_fast_25_workers.toml", "no problems"),
        (
            "example_agents/workflow_simulator.py stf_processing --physics-duration-min 0.1",
            "completed: 3 STFs",
        ),
        (
            "example_agents/workflow_simulator.py --config my_config.toml --physics-duration-min 0.1",
            "completed: 3 STFs",
        ),
    ],
)
def test_the_shipped_programs_run(project: Path, command: str, said: str) -> None:
    program, *arguments = command.split()
    done = subprocess.run(
        [sys.executable, str(ROOT / program), *arguments],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert said in done.stdout


def test_the_command_is_installed_with_the_names() -> None:
    scripts = tomllib.loads((ROOT / "compat" / "pyproject.toml").read_text())["project"]["scripts"]
    module, _, name = scripts["swf-testbed"].partition(":")
    assert callable(getattr(import_module(module), name))


def test_a_validator_that_finds_something_says_so_by_its_exit(project: Path) -> None:
    (project / "wrong.toml").write_text(
        '[workflow]\nname = "fast_processing"\n[parameters]\nworker_count = 0\n'
    )
    command = [sys.executable, str(ROOT / "workflows" / "config_validator.py"), "wrong.toml"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 1
    assert "wrong.toml:4: [parameters] worker_count: 0 must be" in done.stdout
