"""`penstock validate`: what no run could do is found with its place, and nothing is run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Cli

SEVERAL = """
from pathlib import Path

from penstock import Workflow, task

print("loading")


@task
def first(limit: int, out: Path = Path("here"), names: list[str] | None = None) -> int:
    Path("ran").touch()
    return 1


@task
def second(first: int, missing: int) -> int:
    return first


@task(executor="processes")
async def coroutine() -> int:
    return 1


@task(executor="proceses")
def nowhere() -> int:
    return 1


fine = Workflow("fine")
fine.add_task(first)
fine.add_task(second.map(missing=[1, 2]), depends_on=["first"])

unknown = Workflow("unknown")
unknown.add_task(first)
unknown.add_task(second, depends_on=["frist"])

ring = Workflow("ring")
ring.add_task(first, depends_on=["second"])
ring.add_task(second, depends_on=["first"])

unprovided = Workflow("unprovided", inputs={"limit": int})
unprovided.add_task(first)
unprovided.add_task(second, depends_on=["first"])

many = Workflow("many", inputs={"limit": int})
many.add_task(first, depends_on=["nobody"])
many.add_task(second, values={"missing": 1})
third = many.add_task(second, name="third", values={"first": 1})
many.add_workflow(Workflow("inner"))

unfit = Workflow("unfit")
unfit.add_task(coroutine)
unfit.add_task(nowhere)
"""


@pytest.fixture
def several(folder: Path) -> Path:
    file = folder / "several.py"
    file.write_text(SEVERAL, encoding="utf-8")
    return file


def validated(cli: Cli, spec: str, *options: str) -> dict[str, Any]:
    result = cli("validate", spec, "--json", *options)
    found: dict[str, Any] = json.loads(result.stdout)
    assert result.exit_code == (0 if found["ok"] else 2)
    return found


def problems(cli: Cli, spec: str) -> list[str]:
    """The messages of the problems of one workflow."""
    (flow,) = validated(cli, spec)["workflows"]
    return [problem["message"] for problem in flow["problems"]]


def line_of(text: str, source: str = SEVERAL) -> int:
    return source.partition(text)[0].count("\n") + 1


def test_a_sound_workflow_has_its_steps_and_inputs_told(cli: Cli, several: Path) -> None:
    result = cli("validate", "several.py:fine")
    assert result.exit_code == 0
    assert "✓ fine\n  steps    first, second (for each item)\n" in result.stdout
    assert [" ".join(line.split()) for line in result.stdout.splitlines()[-3:]] == [
        "inputs limit: int",
        "out: Path = here",
        "names: list[str] = None",
    ]


def test_inputs_of_a_workflow_by_name_and_type(cli: Cli, several: Path) -> None:
    (flow,) = validated(cli, "several.py:fine")["workflows"]
    assert (flow["workflow"], flow["variable"], flow["steps"]) == ("fine", "fine", ["first", "second"])
    assert flow["inputs"][0] == {"name": "limit", "type": "int", "required": True, "default": None}
    assert flow["inputs"][1] == {"name": "out", "type": "Path", "required": False, "default": "here"}


def test_every_workflow_in_a_file_is_checked(cli: Cli, several: Path) -> None:
    found = validated(cli, "several.py")
    assert {flow["workflow"]: bool(flow["problems"]) for flow in found["workflows"]} == {
        "fine": False,
        "unknown": True,
        "ring": True,
        "unprovided": True,
        "many": True,
        "unfit": True,
    }


def test_nothing_is_run_and_nothing_is_kept(cli: Cli, several: Path, folder: Path) -> None:
    assert cli("validate", "several.py").exit_code == 2
    assert not (folder / "ran").exists()
    assert not list((folder / ".penstock").iterdir())


def test_a_dependency_that_is_nowhere_is_named_with_the_nearest(cli: Cli, several: Path) -> None:
    (said,) = problems(cli, "several.py:unknown")
    assert "depends on 'frist', which is no task" in said
    assert "did you mean 'first'?" in said


def test_a_circle_is_shown(cli: Cli, several: Path) -> None:
    (said,) = problems(cli, "several.py:ring")
    assert "runs in a circle: " in said


def test_an_argument_that_nobody_provides_is_named(cli: Cli, several: Path) -> None:
    assert any(
        "nobody provides 'missing' of task 'second'" in said
        for said in problems(cli, "several.py:unprovided")
    )


def test_every_problem_of_a_workflow_is_told_not_only_the_first(cli: Cli, several: Path) -> None:
    (flow,) = validated(cli, "several.py:many")["workflows"]
    said = {problem["message"]: problem for problem in flow["problems"]}
    wanted = {
        "task 'first' depends on 'nobody'": "many.add_task(first",
        "task 'second' has a parameter 'first', named like a task": "many.add_task(second",
        "nobody provides 'missing' of task 'third'": "third = many.add_task(second",
        "workflow 'inner' has no tasks": "",
    }
    assert len(said) == len(wanted)
    for words, line in wanted.items():
        (problem,) = (each for message, each in said.items() if message.startswith(words))
        if line:
            assert (problem["file"], problem["line"]) == ("several.py", line_of(line))


def test_a_run_of_such_a_workflow_says_where_to_see_the_others(cli: Cli, several: Path) -> None:
    result = cli("run", "several.py:many")
    assert result.exit_code == 2
    assert "depends on 'nobody'" in result.stderr
    assert "3 more problems: penstock validate several.py:many\n" in result.stderr


def test_each_step_that_its_executor_cannot_run_is_named_with_its_place(cli: Cli, several: Path) -> None:
    (flow,) = validated(cli, "several.py:unfit")["workflows"]
    one, other = flow["problems"]
    assert "is async, which executor='processes' cannot run" in one["message"]
    assert "there is no executor 'proceses'" in other["message"]
    assert [each["file"] for each in (one, other)] == ["several.py", "several.py"]
    assert [each["line"] for each in (one, other)] == [
        line_of('@task(executor="processes")'),
        line_of('@task(executor="proceses")'),
    ]


def test_steps_are_checked_against_the_executor_that_is_asked_for(cli: Cli, folder: Path) -> None:
    (folder / "local.py").write_text(LOCAL)
    assert validated(cli, "local.py")["ok"]
    (flow,) = validated(cli, "local.py", "--executor", "processes")["workflows"]
    assert "is a lambda: another process cannot find it" in flow["problems"][0]["message"]


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("x = 1\nflow = Workflow('x'\n", 2, "'(' was never closed"),
        ("x = 1\ny = 1 / 0\n", 2, "ZeroDivisionError: division by zero"),
        ("from penstock import Workflow\n\nflow = Workflow('x', limit=0)\n", 3, "limit=0"),
        ("x = 1\n", None, "holds no workflow"),
    ],
)
def test_a_file_that_cannot_be_loaded_is_told_with_the_line_it_stopped_at(
    cli: Cli, folder: Path, text: str, line: int | None, message: str
) -> None:
    (folder / "broken.py").write_text(text)
    found = validated(cli, "broken.py")
    (problem,) = found["problems"]
    assert (problem["file"], problem["line"]) == ("broken.py" if line else None, line)
    assert message in problem["message"]
    assert not found["ok"]


def test_problems_are_shown_under_the_workflow_that_has_them(cli: Cli, several: Path) -> None:
    result = cli("validate", "several.py")
    assert result.exit_code == 2
    assert "✓ fine\n" in result.stdout
    assert "✗ unfit  2 problems\n" in result.stdout
    line = line_of('@task(executor="proceses")')
    assert f"\n  several.py:{line}: there is no executor 'proceses'" in result.stdout


def test_what_a_file_prints_while_it_is_loaded_stays_out_of_json(cli: Cli, several: Path) -> None:
    result = cli("validate", "several.py", "--json")
    assert json.loads(result.stdout)["file"] == "several.py"
    assert "loading" in result.stderr


LOCAL = """
from penstock import Workflow

flow = Workflow("local")
flow.add_task(lambda: 1, name="unnamed")
"""


ORCHESTRATED = """
from penstock.processes import AtomarProcess, InputParameter, OrchestratedProcess


class Work(AtomarProcess):
    async def execute_impl(self):
        pass


class Slip(OrchestratedProcess):
    def define_orchestration(self):
        work = self.add_child(Work())
        self._connect_param(self.input["n"], work.input["n"])


class Astray(OrchestratedProcess):
    def __init__(self):
        super().__init__("Astray")
        self.input.add(InputParameter("n", int, required=False))

    def define_orchestration(self):
        self.add_child(Work())
        self._connect_param(self.input["n"], self.input["n"])


class Asking(OrchestratedProcess):
    def __init__(self):
        super().__init__("Asking")
        self.input.add(InputParameter("kind", object, required=True))

    def define_orchestration(self):
        self.add_child(self.input["kind"].value)
"""


def test_slips_in_orchestrations_are_found_where_no_input_could_mend_them(cli: Cli) -> None:
    Path("orchestrated.py").write_text(ORCHESTRATED)
    result = cli("validate", "orchestrated.py", "--json")
    assert result.exit_code == 2
    found = {each["workflow"]: each for each in json.loads(result.stdout)["workflows"]}
    assert found["Work"]["steps"] == ["Work"]
    assert found["Asking"]["steps"] is None
    assert not found["Asking"]["problems"]
    (slip,) = found["Slip"]["problems"]
    assert "has no parameter 'n'" in slip["message"]
    assert (slip["file"], slip["line"]) == ("orchestrated.py", 13)
    (astray,) = found["Astray"]["problems"]
    assert "connects to the input 'n'" in astray["message"]
    assert (astray["file"], astray["line"]) == ("orchestrated.py", 16)
