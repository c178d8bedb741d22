"""Workflows that do what none should: each is refused, or ends as failed with its error and its end in the record.

The caller lives on, the exit code is not 0, and nothing is left running: no process, no run, no execution.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from click.testing import CliRunner, Result

import penstock
from penstock.cli.commands import penstock as commands
from penstock.simulations import WorkflowExecution, WorkflowRunner
from tests.simulations.conftest import Write

WAIT_SECONDS = 60.0


@pytest.fixture(autouse=True)
def _nothing_is_left_running(project: Path) -> Iterator[None]:
    before = children()
    yield
    given_up = time.monotonic() + WAIT_SECONDS
    while left := children() - before:
        assert time.monotonic() < given_up, f"still running: {left}"
        time.sleep(0.01)


def children() -> set[int]:
    return {each.pid for each in psutil.Process().children(recursive=True)}


def simulate(*arguments: str) -> Result:
    return CliRunner().invoke(commands, ["simulate", *arguments])


def failed(*arguments: str, code: int = 1, status: str = "failed") -> WorkflowExecution:
    """The record of an execution that ended ill, as everybody is told of it."""
    result = simulate(*arguments, "--json")
    assert result.exit_code == code, result.output
    told = json.loads(result.output)
    with penstock.open() as engine:
        (record,) = WorkflowRunner(engine).executions.all()
        assert [run.status for run in engine.list()] == ["failed"]
    assert (record.status, told["status"]) == (status, status)
    assert record.error_message
    assert told["error"] == record.error_message
    assert record.end_time is not None
    assert record.end_time >= record.start_time
    return record


def refused(*arguments: str) -> str:
    """What is said of what never begins; nothing of it is recorded."""
    result = simulate(*arguments)
    assert result.exit_code == 2, result.output
    with penstock.open() as engine:
        assert WorkflowRunner(engine).executions.all() == []
        assert engine.list() == []
    return result.stderr


# ── code that never ends, or ends everything ────────────────────────────────────────────────────────────────────────

ENDLESS = {
    "in a loop without events": ("yield env.timeout(1)", "while True:", "    pass"),
    "in a loop that catches everything": (
        "while True:",
        "    try:",
        "        yield env.timeout(1)",
        "    except BaseException:",
        "        pass",
    ),
    "asleep": ("import time", "yield env.timeout(1)", "time.sleep(3600)"),
}


@pytest.mark.parametrize("lines", ENDLESS.values(), ids=ENDLESS)
def test_an_endless_loop_is_timed_out(write: Write, lines: tuple[str, ...]) -> None:
    write("w", *lines)
    record = failed("w", "--time-limit", "0.3", status="timed_out")
    assert "0.3 s" in str(record.error_message)


def test_a_loop_that_never_gets_to_the_workflow_is_timed_out(write: Write) -> None:
    write("w", "yield env.timeout(1)", head="while True:\n    pass\n")
    failed("w", "--time-limit", "0.3", status="timed_out")


def test_one_that_takes_all_memory_has_failed(write: Write) -> None:
    write(
        "w", "much = []", "while True:", "    much.append(bytearray(10_000_000))", "    yield env.timeout(1)"
    )
    record = failed("w", "--memory-limit", "100")
    assert str(record.error_message).startswith("MemoryError")


@pytest.mark.parametrize("code", [0, 3])
def test_sys_exit_is_a_failure_whatever_its_code(write: Write, code: int) -> None:
    write("w", "import sys", "yield env.timeout(1)", f"sys.exit({code})")
    assert f"SystemExit: {code}" in str(failed("w").error_message)


def test_ending_the_process_is_a_failure(write: Write) -> None:
    write("w", "import os", "yield env.timeout(1)", "os._exit(0)")
    assert "the worker process ended with exit code 0" in str(failed("w").error_message)


def test_an_exception_in_a_process_that_it_began_is_a_failure(write: Write) -> None:
    lines = (
        "env.process(self.fall(env))",
        "yield env.timeout(9)\n",
        "def fall(self, env):",
        "    yield env.timeout(2)",
    )
    file = write("w", *lines[:2])
    file.write_text(file.read_text() + f"\n    {lines[2]}\n    {lines[3]}\n        1 / 0\n")
    record = failed("w")
    assert record.error_message == "ZeroDivisionError: division by zero"
    assert record.performance_metrics is not None
    assert record.performance_metrics["virtual_seconds"] == 2


def test_a_stop_ends_code_that_never_looks_up(project: Path, write: Write) -> None:
    write("w", "yield env.timeout(1)", 'open("there", "w").write("yes")', "while True:", "    pass")
    with penstock.open() as engine:
        started = WorkflowRunner(engine).start("w")
        await_text(project / "there")
        found = started.stop("enough")
    assert (found.status, found.error_message) == ("terminated", "enough")
    assert found.end_time is not None


# ── time that does not pass as it should ────────────────────────────────────────────────────────────────────────────


def test_a_negative_delay_is_a_failure(write: Write) -> None:
    write("w", "yield env.timeout(1)", "yield env.timeout(-1)")
    assert failed("w").error_message == "ValueError: Negative delay -1"


def test_an_interval_of_nothing_ends_at_the_limit_of_events(write: Write) -> None:
    write("w", "while env.now < 10:", '    yield env.timeout(self.parameters.get("interval", 0))')
    record = failed("w", "--event-limit", "5000")
    assert "had 5,000 events at 0 s of virtual time, which is its limit" in str(record.error_message)


def test_an_interval_of_nothing_is_refused_where_its_meaning_is_known(write: Write) -> None:
    write("w", 'yield env.timeout(self.parameters["stf_interval_sec"])')
    assert "stf_interval_sec: 0.0 must be a number above 0" in refused("w", "--stf-interval-sec", "0")


# ── code that is no workflow ────────────────────────────────────────────────────────────────────────────────────────


def test_a_method_that_is_no_generator_is_refused_or_fails(write: Write) -> None:
    write("w", "return 5")
    assert "execute yields nothing: let it yield events" in refused("w")
    file = write("inherits", "return 5")
    file.write_text(file.read_text().replace("class WorkflowExecutor", "class Base"))
    file.write_text(file.read_text() + "\nclass WorkflowExecutor(Base):\n    pass\n")
    assert "5 is not a generator" in str(failed("inherits").error_message)


def test_code_without_the_class_is_refused_or_fails(project: Path, write: Write) -> None:
    (project / "workflows" / "w.py").write_text("class Other: ...\n")
    assert "holds no class WorkflowExecutor: it has Other" in refused("w")
    file = write("loses", "yield env.timeout(1)")
    file.write_text(file.read_text() + "\ndel WorkflowExecutor\n")
    assert "holds no class WorkflowExecutor" in str(failed("loses").error_message)


def test_a_syntax_error_is_refused_with_its_line(project: Path) -> None:
    (project / "workflows" / "w.py").write_text(
        "class WorkflowExecutor:\n    def execute(self env):\n        yield\n"
    )
    assert "workflows/w.py:2: is no Python" in refused("w")


def test_what_an_import_does_is_done_in_a_process_of_its_own(write: Write) -> None:
    head = 'import os, sys\nos.environ["CHANGED"] = "1"\nsys.modules["json"] = None\nos.chdir("/")\nraise OSError("no beam")'
    write("w", "yield env.timeout(1)", head=head)
    here = os.getcwd()
    assert failed("w").error_message == "OSError: no beam"
    assert ("CHANGED" in os.environ, os.getcwd(), sys.modules["json"]) == (False, here, json)


def test_parameters_that_it_changes_stay_in_the_record_as_they_were(project: Path, write: Write) -> None:
    write("w", 'self.parameters["x"].append(7)', "self.parameters.clear()", "yield env.timeout(1)", "1 / 0")
    (project / "workflows" / "w_default.toml").write_text('[workflow]\nname = "w"\n[parameters]\nx = [1]\n')
    record = failed("w", "--x", "[2, 3]")
    assert record.parameter_values == {"x": [2, 3]}
    assert record.workflow_definition.parameter_values == {"x": [1]}


# ── configurations and overrides ────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("includes", "said"),
    [
        ('["b.toml"]', "goes round in a circle: a.toml includes b.toml includes a.toml"),
        ('["../outside.toml"]', "'../outside.toml' leaves the folder"),
        ('["/etc/passwd"]', "'/etc/passwd' leaves the folder"),
    ],
)
def test_includes_that_cycle_or_leave_the_folder_are_refused(
    project: Path, write: Write, includes: str, said: str
) -> None:
    write("w", "yield env.timeout(1)")
    (project / "outside.toml").write_text("[parameters]\nx = 1\n")
    (project / "workflows" / "b.toml").write_text('[workflow]\nname = "w"\nincludes = ["a.toml"]\n')
    (project / "workflows" / "a.toml").write_text(f'[workflow]\nname = "w"\nincludes = {includes}\n')
    assert said in refused("w", "--config", "workflows/a.toml")


def test_overrides_of_what_is_unknown_or_of_another_type_are_refused_together(
    project: Path, write: Write
) -> None:
    write("w", "yield env.timeout(1)")
    values = 'count = 1\nrate = 0.5\non = true\nnames = ["a"]\n'
    (project / "workflows" / "w_default.toml").write_text(f'[workflow]\nname = "w"\n[parameters]\n{values}')
    wrong = {"--cuont": "2", "--count": "1.5", "--rate": "fast", "--on": "perhaps", "--names": "{}"}
    said = refused("w", *(word for pair in wrong.items() for word in pair))
    for each in (
        "no parameter 'cuont'; did you mean 'count'?",
        "count: '1.5' must be a whole number",
        "rate: 'fast' must be a number",
        "on: 'perhaps' must be true or false",
        "names: '{}' must be a list",
    ):
        assert each in said


# ── the runner itself ───────────────────────────────────────────────────────────────────────────────────────────────


def test_a_runner_that_is_killed_takes_an_endless_workflow_along(project: Path, write: Write) -> None:
    write(
        "w",
        "import os, pathlib",
        'pathlib.Path("pid").write_text(str(os.getpid()))',
        "while True:",
        "    pass",
        "yield",
    )
    runner = subprocess.Popen([sys.executable, "-m", "penstock", "simulate", "w"], cwd=project)
    worker = int(await_text(project / "pid"))
    runner.kill()
    runner.wait(WAIT_SECONDS)
    given_up = time.monotonic() + WAIT_SECONDS
    while lives(worker):
        assert time.monotonic() < given_up
        time.sleep(0.01)
    with penstock.open() as engine:
        (record,) = WorkflowRunner(engine).executions.all()
        assert record.status == "failed"
        assert "its runner is gone" in str(record.error_message)
        assert record.end_time is not None


def lives(pid: int) -> bool:
    """Whether a process has not ended; one that nobody has taken note of yet has."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def await_text(file: Path) -> str:
    given_up = time.monotonic() + WAIT_SECONDS
    while not (file.is_file() and file.read_text()):
        assert time.monotonic() < given_up
        time.sleep(0.01)
    return file.read_text()
