"""The document of FlowForge holds on Penstock: its code runs as it stands, its names and files exist."""

from __future__ import annotations

import contextlib
import importlib
import io
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import flowforge
from tests.compat.documents import ROOT, Document

DOCUMENT = Document("flowforge.md")

PROSE = {
    "pip install dist/flowforge-*.whl": "a wheel that only FlowForge's own repository builds",
    "black flowforge/": "lays out FlowForge's own sources",
    "flake8 flowforge/": "checks FlowForge's own sources",
    "pytest tests/": "FlowForge's own tests; ours are these",
    "pytest --cov=flowforge --cov-report=html tests/": "the same",
}
"""Commands that nobody can run, and why."""

FILES = {
    "tests/": "tests",
    "examples/": "examples",
    "docs/": "docs",
    "README.md": "README.md",
    "LICENSE": "LICENSE",
}
"""What the document draws of a repository, and what it is here."""


# ── how lines of commands are run ───────────────────────────────────────────────────────────────────────────────────


def run_example(line: str) -> None:
    done = subprocess.run(
        [sys.executable, *shlex.split(line)[1:]],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout


def can_be_made(line: str) -> None:
    """What `make` would do, without doing it: the target exists."""
    folder, _, command = line.rpartition(" && ")
    where = ROOT / folder.removeprefix("cd ") if folder else ROOT
    if not shutil.which("make"):
        pytest.skip("there is no make here")
    done = subprocess.run(
        [*shlex.split(command), "--dry-run"], cwd=where, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def extra_exists(line: str) -> None:
    """`pip install -e ".[dev]"`: the project can be installed so, and has that extra."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    extras = re.findall(r"\[(\w+)\]", line)
    assert not set(extras) - project["project"]["optional-dependencies"].keys()
    assert project["build-system"]["build-backend"]


def how(line: str) -> Callable[[str], object] | None:
    """How a command is run; None for what is listed as prose, or was overlooked."""
    if line.startswith("python examples/"):
        return run_example
    if "make " in line:
        return can_be_made
    return extra_exists if line.startswith("pip install -e") else None


# ── the tests ───────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_python_blocks_run_as_one_program_and_print_what_they_say() -> None:
    namespace: dict[str, Any] = {"__name__": "document"}
    printed = io.StringIO()
    found = [block for block in DOCUMENT.blocks() if block.language == "python"]
    with contextlib.redirect_stdout(printed):
        for block in found:
            exec(DOCUMENT.compiled(block), namespace)
    assert len(found) == 3
    said = [
        line.partition("#")[2].strip()
        for block in found
        for line in block.text.splitlines()
        if "print(" in line
    ]
    assert said == ['"completed"', '{"processed_count": 1}']
    assert printed.getvalue().replace("'", '"').splitlines() == [said[0].strip('"'), said[1]]
    assert namespace["processor2"].stats() == {"processed_count": 1}
    assert namespace["job_state"].outputs == {"processor2.output": {"result": "Processed: Processed: test"}}


def test_every_command_runs_or_is_listed_as_prose() -> None:
    lines = [
        line
        for block in DOCUMENT.blocks()
        if block.language == "bash"
        for line in block.text.splitlines()
        if line and not line.startswith("#")
    ]
    overlooked = []
    for line in lines:
        run = how(line)
        if run is not None:
            run(line)
        elif line not in PROSE:
            overlooked.append(line)
    assert not overlooked
    assert not PROSE.keys() - set(lines)


def test_the_drawn_files_exist() -> None:
    drawn = DOCUMENT.block("├──")
    names = re.findall(r"[├└]── ([\w./]+)", drawn.text)
    assert len(names) == 13
    for name in names:
        if name == "flowforge/":
            continue
        if name in FILES:
            assert (ROOT / FILES[name]).exists(), name
        else:
            importlib.import_module(f"flowforge.{Path(name).stem}")


def test_no_block_was_overlooked() -> None:
    assert {block.language for block in DOCUMENT.blocks()} == {"python", "bash", ""}
    assert sum(block.language == "" for block in DOCUMENT.blocks()) == 1


def test_every_example_that_is_named_is_there() -> None:
    named = re.findall(r"^\* `(\w+\.py)`", DOCUMENT.text(), re.MULTILINE)
    assert len(named) == 4
    for name in named:
        run_example(f"python examples/{name}")


@pytest.mark.parametrize(
    ("owner", "names"),
    [
        (flowforge, "Routine Slot Event Connection Flow JobState ExecutionRecord ErrorStrategy ErrorHandler ExecutionTracker"),
        (flowforge.Routine(), "define_slot define_event emit stats set_stat get_stat increment_stat reset_stats set_config"),
        (flowforge.Routine(), "get_config config get_slot get_event set_error_handler get_error_handler set_as_optional"),
        (flowforge.Routine(), "set_as_critical"),
        (flowforge.Slot(), "name routine connect disconnect receive"),
        (flowforge.Event(), "connect disconnect emit"),
        (flowforge.Connection(flowforge.Event(), flowforge.Slot()), "activate disconnect"),
        (flowforge.Flow("any"), "flow_id routines connections job_state execution_tracker add_routine connect execute"),
        (flowforge.Flow("any"), "set_execution_strategy wait_for_completion shutdown set_error_handler pause resume cancel"),
        (flowforge.Flow("any"), "serialize deserialize"),
        (flowforge.JobState(), "job_id flow_id status current_routine_id routine_states execution_history pause_points"),
        (flowforge.JobState(), "created_at updated_at update_routine_state get_routine_state record_execution"),
        (flowforge.JobState(), "get_execution_history save load"),
        (flowforge.ErrorStrategy, "STOP CONTINUE RETRY SKIP"),
        (flowforge.ExecutionTracker(), "record_routine_start record_routine_end record_event get_routine_performance"),
        (flowforge.ExecutionTracker(), "get_flow_performance"),
    ],
)  # fmt: skip
def test_every_name_that_was_decided_on_exists(owner: Any, names: str) -> None:
    assert not [name for name in names.split() if not hasattr(owner, name)]


def test_defaults_are_as_documented() -> None:
    errors = flowforge.ErrorHandler(flowforge.ErrorStrategy.RETRY)
    found = (errors.max_retries, errors.retry_delay, errors.retry_backoff, errors.is_critical)
    assert found == (3, 1.0, 2.0, False)
    flow = flowforge.Flow("any", execution_strategy="concurrent", max_workers=5)
    assert (flow.execution_strategy, flow.max_workers, flowforge.Flow("any").max_workers) == (
        "concurrent",
        5,
        5,
    )
    record = flowforge.ExecutionRecord("routine", "event", {"a": 1}, None)
    assert (record.routine_id, record.event_name, record.data, record.timestamp) == (
        "routine",
        "event",
        {"a": 1},
        None,
    )
