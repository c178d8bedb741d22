"""The command line of simulated workflows: parameters as options, what is printed, and how it ends."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from penstock.catalogue import catalogue
from penstock.cli import swf_testbed
from penstock.cli.commands import penstock
from tests.simulations.conftest import WORKFLOWS, Write

COMPAT = Path(__file__).resolve().parents[2] / "compat"


def call(*arguments: str) -> Result:
    return CliRunner().invoke(swf_testbed.testbed, list(arguments))


def answer(*arguments: str) -> Any:
    result = call(*arguments, "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.output)


@pytest.fixture
def three(project: Path) -> Path:
    """The shipped workflows in the project."""
    for file in WORKFLOWS.glob("*"):
        if file.is_file():
            (project / "workflows" / file.name).write_text(file.read_text())
    return project


def test_any_parameter_is_an_option(three: Path) -> None:
    found = answer(
        "run-workflow",
        "epic_fast_processing",
        "--version",
        "1.0",
        "--worker-count",
        "25",
        "--sample-fraction=1",
    )
    assert found["status"] == "completed"
    assert found["parameters"]["worker_count"] == 25
    assert found["parameters"]["sample_fraction"] == 1.0
    assert found["metrics"]["tasks"]["completed"] == 1715


def test_help_shows_the_parameters_of_the_workflow_that_is_named(three: Path) -> None:
    told = call("run-workflow", "epic_fast_25_workers", "--help").output
    assert "Parameters of workflow epic_fast_25_workers:" in told
    assert re.search(r"--worker-count INT +\[default: 25\]", told)
    assert "Parameters of" not in call("run-workflow", "nowhere", "--help").output
    assert "Parameters of" not in call("run-workflow", "--help").output


def test_options_may_stand_before_the_name(three: Path) -> None:
    short = ("--physics-duration-min", "1")
    found = answer("run-workflow", *short, "--seed", "3", "epic_fast_processing", "--set", "worker_count=7")
    assert (found["seed"], found["parameters"]["worker_count"], found["metrics"]["workers"]) == (3, 7, 7)


def test_a_local_file_goes_over_what_is_stored(three: Path) -> None:
    text = (three / "workflows" / "epic_fast_10_workers.toml").read_text()
    (three / "my_config.toml").write_text(text.replace("worker_count = 10", "worker_count = 12"))
    found = answer("run-workflow", "epic_fast_processing", "--config", "./my_config.toml")
    assert found["parameters"]["worker_count"] == 12
    found = answer(
        "run-workflow", "epic_fast_processing", "--config", "./my_config.toml", "--worker-count", "13"
    )
    assert found["parameters"]["worker_count"] == 13
    assert answer("definitions", "epic_fast_processing@1.0")["parameters"]["worker_count"] == 10


def test_people_are_told_what_was_measured(three: Path) -> None:
    result = call("run-workflow", "epic_fast_processing")
    assert result.exit_code == 0
    for said in (
        "completed in",
        "1,715",
        "172 submitted, 172 completed",
        "14.2% busy (10 on 1 node)",
        "1,715 stf_gen",
    ):
        assert said in result.output
    listed = call("executions").output.splitlines()
    assert "epic_fast_processing-" in listed[1]
    assert "completed" in listed[1]
    name = listed[1].split()[1]
    assert call("executions", name).output.splitlines()[0].startswith(f"✓ {name}")
    assert "epic_fast_processing  1.0" in call("definitions").output
    assert (
        call("definitions", "epic_fast_processing", "--code").output
        == (WORKFLOWS / "fast_processing.py").read_text()
    )


def test_messages_are_printed_as_they_are_published(three: Path) -> None:
    result = call("run-workflow", "stf_processing", "--physics-duration-min", "0.05", "-v")
    lines = [line.split()[1] for line in result.output.splitlines()[:5]]
    assert lines == ["run_imminent", "start_run", "stf_gen", "stf_gen", "end_run"]


def test_quietly_only_the_id_is_printed(three: Path) -> None:
    assert call("run-workflow", "stf_processing", "-q").output.endswith("-0001\n")


def test_a_realtime_factor_may_be_left_out(project: Path, write: Write) -> None:
    write("w", "yield env.timeout(0.2)")
    assert answer("run-workflow", "--realtime", "w")["metrics"]["wall_seconds"] >= 0.2
    assert answer("run-workflow", "w", "--realtime", "2")["metrics"]["wall_seconds"] >= 0.4


@pytest.mark.parametrize(
    ("lines", "options", "code", "status"),
    [
        (["yield env.timeout(1)", "1 / 0"], [], 1, "failed"),
        (["while True:", "    yield env.timeout(1)"], ["--time-limit", "0.3"], 1, "timed_out"),
        (["while True:", "    yield env.timeout(1)"], ["--event-limit", "100"], 1, "failed"),
    ],
)
def test_it_ends_with_a_code_that_says_how(
    project: Path, write: Write, lines: list[str], options: list[str], code: int, status: str
) -> None:
    write("w", *lines)
    result = call("run-workflow", "w", *options, "--json")
    assert result.exit_code == code
    assert json.loads(result.output)["status"] == status


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            ["epic_fast_processing", "--wroker-count", "2"],
            "no parameter 'wroker_count'; did you mean 'worker_count'?",
        ),
        (
            ["epic_fast_processing", "--worker-count", "two"],
            "worker_count: 'two' must be a whole number of at least 1",
        ),
        (["epic_fast_processing", "--worker-count"], "--worker-count lacks its value"),
        (["epic_fast_procesing"], "did you mean 'epic_fast_processing'?"),
        (["stf_processing", "--config", "nowhere.toml"], "nowhere.toml: cannot be read"),
        (["stf_processing", "--realtime", "0"], "above 0"),
        (["stf_processing", "--memory-limit", "0"], "memory_mb=0 must be a number above 0"),
    ],
)
def test_slips_are_refused_with_the_remedy_and_nothing_is_recorded(
    three: Path, arguments: list[str], said: str
) -> None:
    result = call("run-workflow", *arguments)
    assert result.exit_code == 2
    assert said in result.stderr
    assert answer("executions") == []


def test_an_empty_store_says_how_to_begin(project: Path) -> None:
    assert "penstock simulate NAME" in call("executions").output
    assert "penstock simulate NAME" in call("definitions").output
    assert not list(project.glob(".penstock/*.db"))


# ── penstock run NAME ───────────────────────────────────────────────────────────────────────────────────────────────


def run(*arguments: str) -> Result:
    return CliRunner().invoke(penstock, ["run", *arguments])


def test_run_finds_a_simulated_workflow_by_its_name(three: Path) -> None:
    result = run("epic_fast_processing", "--worker-count", "25", "--physics-duration-min", "1", "--json")
    assert result.exit_code == 0, result.output
    assert json.loads(result.output)["parameters"]["worker_count"] == 25
    assert run("epic_fast_25_workers", "--physics-duration-min", "1", "-q").output.endswith("-0002\n")
    assert re.search(r"--worker-count INT +\[default: 25\]", run("epic_fast_25_workers", "--help").output)


def test_simulate_knows_the_flags_of_both_kinds_before_it_knows_which_it_is(three: Path) -> None:
    result = CliRunner().invoke(
        penstock,
        ["simulate", "--quiet", "stf_processing", "--physics-duration-min", "1", "--realtime", "0.001", "-v"],
    )
    assert result.exit_code == 0, result.output
    assert result.output.endswith("-0001\n")


def test_run_finds_one_that_only_the_store_has(three: Path) -> None:
    assert run("stf_processing", "--physics-duration-min", "1", "-q").exit_code == 0
    (store,) = (three / ".penstock").glob("*.db")
    (three / "workflows").rename(three / "elsewhere")
    result = run("stf_processing", "--physics-duration-min", "1", "-q", "--store", str(store))
    assert result.output.endswith("-0002\n"), result.output
    result = run("epic_fast_processing", "--workflows", "elsewhere", "--physics-duration-min", "1", "-q")
    assert result.output.endswith("-0003\n"), result.output


def test_run_says_which_simulated_workflow_was_probably_meant(three: Path) -> None:
    result = run("stf_procesing")
    assert result.exit_code == 2
    assert "did you mean 'stf_processing'?" in result.stderr


FLOW = """
from penstock import Workflow, task

@task
def only() -> str:
    return "of the catalogue"

flow = Workflow("stf_processing")
flow.add_task(only)
"""


def test_for_run_a_file_and_the_catalogue_come_first(three: Path) -> None:
    (three / "flow.py").write_text(FLOW)
    (three / "stf_processing").write_text("a file of that name\n")
    result = run("stf_processing", "-q")
    assert (result.exit_code, result.output) == (2, result.stderr), "the file is no workflow"
    (three / "stf_processing").unlink()
    (three / "pyproject.toml").write_text('[tool.penstock]\nworkflows = ["flow.py"]\n')
    try:
        result = run("stf_processing", "-q")
    finally:
        catalogue.clear()
    assert (result.exit_code, result.output) == (0, "of the catalogue\n"), result.output


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_terminates_at_once(three: Path, number: int) -> None:
    command = [
        sys.executable,
        "-m",
        "penstock_compat.swf_testbed",
        "run-workflow",
        "stf_processing",
        "--realtime",
        "-v",
    ]
    environment = {**os.environ, "PYTHONPATH": str(COMPAT)}
    child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
    assert child.stdout is not None
    assert "run_imminent" in child.stdout.readline()
    child.send_signal(number)
    told, _ = child.communicate(timeout=300)  # long before its real time is over
    assert child.returncode == 130
    assert "terminated in" in told
    (found,) = answer("executions")
    assert (found["status"], found["error"]) == ("terminated", "interrupted")
    assert found["metrics"] is not None


# ── validate ────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_every_shipped_configuration_is_valid(three: Path) -> None:
    for file in sorted(three.glob("workflows/*.toml")):
        assert answer("validate", str(file))["ok"], file


def test_all_that_is_wrong_with_a_configuration_is_told_with_its_place(three: Path) -> None:
    text = '[workflow]\nname = "fast_processing"\nversoin = "1"\n\n[parameters]\nworker_count = 0\nstf_intervall_sec = 2\n'
    (three / "workflows" / "bad.toml").write_text(text)
    result = call("validate", "workflows/bad.toml")
    assert result.exit_code == 2
    assert [line.strip() for line in result.output.splitlines()] == [
        "✗ fast_processing  5 problems",
        "workflows/bad.toml:3: [workflow] versoin: means nothing here; did you mean 'version'?",
        "workflows/bad.toml:6: [parameters] worker_count: 0 must be a whole number of at least 1 and at most 100,000",
        "workflows/bad.toml:7: [parameters] stf_intervall_sec: is no parameter; did you mean 'stf_interval_sec'?",
        "workflows/bad.toml:5: [parameters] physics_duration_min: is missing: the workflow's code needs it",
        "workflows/bad.toml:5: [parameters] stf_interval_sec: is missing: the workflow's code needs it",
    ]


def test_a_configuration_without_code_says_what_was_tried(project: Path) -> None:
    (project / "alone.toml").write_text('[workflow]\nname = "alone"\n')
    result = call("validate", "alone.toml")
    assert result.exit_code == 2
    assert "no code of workflow 'alone' was found; tried alone.py" in result.output
