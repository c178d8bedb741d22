"""Whatever is wrong is said in one clear message with an exit code that scripts can rely on."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from penstock.cli import ending
from penstock.errors import StoreFull
from tests.cli.conftest import Cli

TWO = """
from penstock import Workflow, task

@task
def take(number: int) -> int:
    return number

one = Workflow("one")
one.add_task(take)
two = Workflow("two")
two.add_task(take)
"""


@pytest.fixture
def files(folder: Path) -> None:
    (folder / "two.py").write_text(TWO)
    (folder / "none.py").write_text("x = 1\n")
    (folder / "unclosed.py").write_text("from penstock import Workflow\nflow = Workflow('x'\n")
    (folder / "raises.py").write_text("import json\njson.loads('{')\n")
    (folder / "notes.txt").write_text("no database at all, but long enough to be taken for one\n" * 100)


CASES = {
    "no such file": (["run", "nowhere.py"], 2, "there is no file 'nowhere.py'"),
    "a syntax error": (
        ["run", "unclosed.py"],
        2,
        "unclosed.py:2: '(' was never closed\n\n    flow = Workflow('x'\n",
    ),
    "a file that raises": (["run", "raises.py"], 2, "raises.py:2, in <module>\n"),
    "no workflow": (["run", "none.py"], 2, "holds no workflow"),
    "several workflows": (["run", "two.py"], 2, "holds 2 workflows: say which one"),
    "a workflow by a wrong name": (["run", "two.py:twoo"], 2, "did you mean 'two'?"),
    "a missing input": (["run", "two.py:one"], 2, "needs input 'number'"),
    "an input of a wrong type": (
        ["run", "two.py:one", "--number", "x"],
        2,
        "'number' of workflow 'one' must be int",
    ),
    "an unknown input": (["run", "two.py:one", "--numbr", "1"], 2, "--number"),
    "an input without a value": (["run", "two.py:one", "--input", "number"], 2, "lacks its value"),
    "an unknown pair": (["run", "two.py:one", "--number", "1", "--input", "x=1"], 2, "has no input 'x'"),
    "a tag without a value": (["run", "two.py:one", "--number", "1", "--tag", "x"], 2, "must be NAME=VALUE"),
    "a worker for no queue": (["worker", "--queues", ","], 2, "names no queue"),
    "a tag without a name": (["run", "two.py:one", "--number", "1", "--tag", "=x"], 2, "lacks its name"),
    "an unknown command": (["rum"], 2, "did you mean 'run'?"),
    "a file for a command": (["two.py"], 2, "to run that file: penstock run two.py"),
    "an unknown run": (["show", "beef"], 2, "no run begins with 'beef'"),
    "no store yet": (["show", "latest", "--store", "nowhere.db"], 2, "there is no store yet"),
    "a store of an unknown kind": (["runs", "--store", "redis://x"], 2, "unknown kind 'redis'"),
    "a store that is none": (["runs", "--store", "notes.txt"], 3, "is no SQLite database"),
    "a kind of event that is none": (
        ["events", "latest", "--kind", "step_don"],
        2,
        "did you mean 'step_done'?",
    ),
    "data that is no JSON": (["signal", "latest", "go", "--data", "{"], 2, "is no JSON"),
    "a copy over a file": (["db", "backup", "two.py"], 2, "write over it with --force"),
    "a recording over a file": (["record", "latest", "--to", "two.py"], 2, "two.py is there already"),
    "a comparison with nothing": (
        ["diff", "latest"],
        2,
        "was made of no other: name the run to compare it with",
    ),
    "a comparison of three": (
        ["diff", "latest", "latest", "latest"],
        2,
        "two runs can be compared; 3 were named",
    ),
    "an event after the last": (["state", "latest", "--at", "999"], 2, "--at 999 is none of them"),
    "a number of runs that is none": (
        ["simulate", "greetings.py", "--rate", "x/min", "--for", "1h"],
        2,
        "--rate: 'x' must be a number",
    ),
    "a cancel after the end": (["cancel", "latest"], 2, "cancel works on a run that is"),
    "a step that is none": (["logs", "latest", "grete"], 2, "did you mean 'greet'?"),
    "a status that is none": (
        ["runs", "--status", "done"],
        2,
        "there are pending, running, paused, completed",
    ),
}


@pytest.mark.usefixtures("files")
@pytest.mark.parametrize("case", CASES)
def test_what_is_wrong_is_said_once_and_clearly(case: str, cli: Cli) -> None:
    cli("run", "greetings.py")
    arguments, code, said = CASES[case]
    result = cli(*arguments)
    assert result.exit_code == code, result.output
    assert said in result.stderr
    assert result.stderr.startswith("error: ")
    assert result.stderr.count("error: ") == 1
    assert "Traceback" not in result.stderr
    assert result.stdout == ""


def test_a_beginning_that_several_runs_share_is_refused_with_their_ids(cli: Cli) -> None:
    for number in range(17):  # there are 16 digits to begin with
        cli("run", "greetings.py", "--count", "0", "--key", str(number))
    ids = [row["run"] for row in json.loads(cli("runs", "--json").stdout)]
    shared = next(one[0] for one in ids if sum(other[0] == one[0] for other in ids) > 1)
    result = cli("show", shared)
    assert result.exit_code == 2
    assert f"'{shared}' begins several runs" in result.stderr


def test_debug_shows_where_it_came_from(cli: Cli) -> None:
    result = cli("run", "nowhere.py", "--debug")
    assert result.exit_code == 2
    assert "Traceback" in result.stderr
    assert "penstock.errors.DefinitionError" in result.stderr


def test_errors_are_told_in_json_to_programs(cli: Cli) -> None:
    result = cli("show", "beef", "--json")
    assert result.stdout == ""
    cli("run", "greetings.py")
    said = json.loads(cli("show", "beef", "--json").stderr)
    assert (said["error"], said["exit_code"]) == ("RunNotFound", 2)
    assert "no run begins with 'beef'" in said["message"]


def test_a_command_without_arguments_shows_its_help(cli: Cli) -> None:
    result = cli("show")
    assert result.exit_code == 2
    assert "Usage: penstock show [OPTIONS] RUN" in result.output
    assert "error:" not in result.output


def test_looking_for_runs_makes_no_store(cli: Cli, folder: Path) -> None:
    result = cli("runs")
    assert result.exit_code == 0
    assert "no runs yet" in result.output
    assert list((folder / ".penstock").iterdir()) == []


def test_help_lists_the_commands_without_loading_them(cli: Cli) -> None:
    result = cli("--help")
    assert result.exit_code == 0
    assert re.search("resume +Go on with a run where it stopped.", result.output)


def test_what_to_type_after_trouble_with_the_world_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    error = StoreFull("the disk is full")
    error.add_note("go on: penstock resume 1234")
    ending.report(error, debug=False, as_json=False)
    assert capsys.readouterr().err == "error: the disk is full\ngo on: penstock resume 1234\n"
    assert ending.code_of(error) == 3
