"""The document of FlowWeaver holds on Penstock: its code runs as it stands, its names exist, nothing was overlooked."""

from __future__ import annotations

import ast
import re
import shlex
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import flowweaver
from tests.compat.documents import ROOT, Block, Document

DOCUMENT = Document("flowweaver.md")

PROSE = {
    "571f7d2aeb0b": "names test scripts of FlowWeaver's own repository",
    "f0235b2b3a0a": "a drawing of its parts",
    "c96c9567ec63": "what happens in an execution, told step by step",
    "ce91cb360430": "a drawing of its locks",
    "9c0b68d35b09": "asks a server at /health; an executor in a script opens no port",
}
"""Blocks that nobody can run, by digest, and why."""

NOT_NAMES = {
    "python examples/parallel_run.py": "a command: one of the blocks runs it",
    "FlowWeaver": "the system",
    "DevOps": "people",
    "SQLite": "a database",
    "StateStore": "stands for its three classes in a drawing",
    "WorkflowRunner": "a script that one of its guides shows, no class of the package",
    "my_task": "a task that a block defines",
}
"""What looks like a name of the package and is none, and why."""

PRINTED = (
    r"`([^`\n]+)`",
    r"\b([A-Z]+[a-z0-9]+(?:[A-Z]+[a-z0-9]*)+)\b",
    r"\b([A-Z]{3,}[a-z]+[A-Za-z]*)\b",
    r"\b(?:\w+\.)?(_?[a-z]+(?:_[a-z]+)+)(?=\()",
)
"""How the document prints names: as code, in camel case, as calls."""


def a_workflow() -> flowweaver.Workflow:
    """The workflow that the document speaks of and does not show: its own two tasks, one after the other."""
    namespace: dict[str, Any] = {"task": flowweaver.task}
    tasks = DOCUMENT.block("def downstream(")
    exec(tasks.text, namespace)
    flow = flowweaver.Workflow("document")
    flow.add_task(namespace["upstream"])
    flow.add_task(namespace["downstream"], depends_on=["upstream"])
    return flow


# ── how a block is run ──────────────────────────────────────────────────────────────────────────────────────────────


def run_python(block: Block) -> dict[str, Any]:
    """Run it with the package's names at hand, and the workflow it speaks of."""
    namespace = {name: getattr(flowweaver, name) for name in flowweaver.__all__}
    namespace["workflow"] = a_workflow()
    exec(DOCUMENT.compiled(block), namespace)
    return namespace


def run_examples(block: Block) -> None:
    """Lines `python examples/NAME.py`, in a folder that has the examples."""
    Path("examples").symlink_to(ROOT / "examples")
    for line in block.text.splitlines():
        program, *arguments = shlex.split(line)
        assert program == "python"
        done = subprocess.run(
            [sys.executable, *arguments], capture_output=True, text=True, timeout=300, check=False
        )
        assert done.returncode == 0, done.stderr
        assert done.stdout


def run_query(block: Block) -> None:
    """`sqlite3 FILE "SELECT ..."`, on a file in which the workflow was kept."""
    program, file, query = shlex.split(block.text)
    assert program == "sqlite3"
    flowweaver.SequentialExecutor(state_store=flowweaver.SQLiteStateStore(file)).execute(a_workflow())
    connection = sqlite3.connect(file)
    assert sorted(connection.execute(query)) == [("downstream", "COMPLETED"), ("upstream", "COMPLETED")]
    connection.close()
    if shutil.which(program):
        done = subprocess.run([program, file, query], capture_output=True, text=True, check=True)
        assert sorted(done.stdout.split()) == ["downstream|COMPLETED", "upstream|COMPLETED"]


def how(block: Block) -> Callable[[Block], object] | None:
    """How a block is run; None if it is prose."""
    if block.digest in PROSE:
        return None
    if block.text.startswith("python examples/"):
        return run_examples
    if block.text.startswith("sqlite3 "):
        return run_query
    return run_python if is_python(block.text) else None


def is_python(source: str) -> bool:
    try:
        return bool(ast.parse(source).body)
    except SyntaxError:
        return False


# ── the tests ───────────────────────────────────────────────────────────────────────────────────────────────────────


def test_every_block_runs_or_is_listed_as_prose(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ran, overlooked = 0, []
    for number, block in enumerate(DOCUMENT.blocks()):
        run = how(block)
        if run is not None:
            folder = tmp_path / str(number)
            folder.mkdir()
            monkeypatch.chdir(folder)
            run(block)
            ran += 1
        elif block.digest not in PROSE:
            overlooked.append(str(block))
    assert not overlooked
    assert ran == 6


def test_what_is_listed_as_prose_is_in_the_document() -> None:
    assert not PROSE.keys() - {block.digest for block in DOCUMENT.blocks()}
    assert all(reason for reason in PROSE.values())


def test_a_block_that_is_neither_run_nor_listed_is_found() -> None:
    assert how(Block(1, "bash", "curl http://example.org/else\n")) is None
    assert how(Block(1, "", "a -> b\n")) is None


def test_the_blocks_did_what_they_say(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    unit = DOCUMENT.block("result = my_task()")
    assert run_python(unit)["result"] is None
    ran = DOCUMENT.block("executor.execute(workflow)")
    workflow = run_python(ran)["workflow"]
    assert workflow.status is flowweaver.WorkflowStatus.COMPLETED
    assert workflow.get_task_result("downstream") == {"processed": "value"}
    kept = DOCUMENT.block('SQLiteStateStore("state.db")')
    run_python(kept)["executor"].execute(workflow)
    assert Path("state.db").is_file()


def test_every_name_that_is_printed_exists() -> None:
    found = DOCUMENT.text()
    printed = {name for pattern in PRINTED for name in re.findall(pattern, found)}
    assert not NOT_NAMES.keys() - printed
    assert not {name for name in printed - NOT_NAMES.keys() if not exists(name)}


def exists(name: str) -> bool:
    """Whether it is a name of the package, or of one of its classes; `Class._name()` too, and a call without its class."""
    if name.islower() and any(hasattr(each, name) for each in (flowweaver.Workflow, flowweaver.BaseExecutor)):
        return True
    found: Any = flowweaver
    for part in name.lstrip("@").removesuffix("()").split("."):
        try:
            found = getattr(found, part)
        except (AttributeError, ModuleNotFoundError):
            return False
    return True


@pytest.mark.parametrize(
    ("owner", "names"),
    [
        (flowweaver, "Task task Workflow TaskStatus WorkflowStatus SequentialExecutor ThreadedExecutor AsyncExecutor"),
        (flowweaver, "BaseExecutor WorkflowExecutionError TaskExecutionError"),
        (flowweaver.Workflow("any"), "name tasks status add_task get_task get_task_result get_task_status execute"),
        (flowweaver.Workflow("any"), "get_dependencies get_execution_plan get_workflow_stats"),
        (flowweaver.Workflow("any"), "_result_store _build_context_for_task"),
        (flowweaver.Task(lambda: 1), "name status result error execute"),
        (flowweaver.SequentialExecutor(), "execute _restore_task_from_store _save_task_to_store"),
        (flowweaver.WorkflowExecutionError("any"), "failed_task"),
    ],
)  # fmt: skip
def test_every_name_that_was_decided_on_exists(owner: Any, names: str) -> None:
    known = set(dir(owner))  # `result` of a task that was not run raises
    assert not set(names.split()) - known
