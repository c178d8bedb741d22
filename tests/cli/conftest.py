"""A folder with workflows in it, and the command line as a process or in this one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

LIMIT_SECONDS = 180

GREETINGS = '''
"""Greets everybody on a list."""

from penstock import Workflow, task


@task
def names(count: int = 3) -> list[str]:
    return ["Ada", "Grace", "Edsger", "Barbara", "Alan"][:count]


@task
def greet(name: str, polite: bool = False) -> str:
    print("greeting", name)
    return f"Good day, {name}." if polite else f"Hello, {name}!"


@task
def letter(greet: list[str]) -> str:
    return " ".join(greet)


flow = Workflow("greetings")
flow.add_task(names)
flow.add_task(greet.map(name="names"))
flow.add_task(letter, depends_on=["greet"])
'''

MENDABLE = """
from pathlib import Path

from penstock import Workflow, task


@task
def before() -> int:
    with Path("ran").open("a") as file:
        file.write("before ")
    return 20


@task
def divide(before: int) -> float:
    return before / len(Path("mended").read_text()) if Path("mended").exists() else before / 0


flow = Workflow("mendable")
flow.add_task(before)
flow.add_task(divide, depends_on=["before"])
"""

GATED = '''
"""Each step says that it runs, then waits until a file of its name appears: a test decides when."""

import asyncio
from pathlib import Path

from penstock import Workflow, task


async def pass_gate(name: str) -> str:
    with Path("ran").open("a") as file:
        file.write(f"{name} ")
    while not Path(name).exists():
        await asyncio.sleep(0.005)
    return name


@task
async def first() -> str:
    return await pass_gate("first")


@task
async def second(first: str) -> str:
    return await pass_gate("second")


@task
async def third(second: str) -> str:
    return await pass_gate("third")


flow = Workflow("gated")
flow.add_task(first)
flow.add_task(second, depends_on=["first"])
flow.add_task(third, depends_on=["second"])
'''


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory: three workflows and a store of its own."""
    monkeypatch.chdir(tmp_path)
    for name in ("PENSTOCK_STORE", "NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("COLUMNS", "80")
    (tmp_path / ".penstock").mkdir()
    for name, text in (("greetings", GREETINGS), ("mendable", MENDABLE), ("gated", GATED)):
        (tmp_path / f"{name}.py").write_text(text, encoding="utf-8")
    return tmp_path


Cli = Callable[..., Result]


@pytest.fixture
def cli(folder: Path) -> Iterator[Cli]:
    """Runs a command in this process; modules it loads are forgotten afterwards."""
    from penstock.cli.commands import penstock

    known, path = set(sys.modules), list(sys.path)

    def call(*arguments: str) -> Result:
        return CliRunner().invoke(penstock, list(arguments), prog_name="penstock")

    yield call
    sys.path[:] = path
    for name in set(sys.modules) - known:
        if str(getattr(sys.modules[name], "__file__", "")).startswith(str(folder)):
            del sys.modules[name]


class Spawned:
    """A command in a process of its own, in the current directory."""

    def __init__(self, *arguments: str, **environment: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "penstock", *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, **environment},
        )

    def ended(self) -> tuple[int, str, str]:
        """Its exit code and what it printed, when it has ended."""
        out, err = self.process.communicate(timeout=LIMIT_SECONDS)
        return self.process.returncode, out, err


@pytest.fixture
def spawn(folder: Path) -> Iterator[Callable[..., Spawned]]:
    """Starts a command in a process; none outlives the test."""
    spawned: list[Spawned] = []

    def start(*arguments: str, **environment: str) -> Spawned:
        spawned.append(Spawned(*arguments, **environment))
        return spawned[-1]

    yield start
    for each in spawned:
        each.process.kill()
        each.process.communicate()


def document(result: Result) -> Any:
    """The one JSON document that a command answered with."""
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def lines(result: Result) -> list[Any]:
    """The JSON lines that a command answered with."""
    assert result.exit_code == 0, result.output
    return [json.loads(line) for line in result.stdout.splitlines()]
