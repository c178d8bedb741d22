"""Several processes at once on one store: definitions are kept once, and executions are numbered without a gap."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from penstock.simulations import WorkflowRunner
from tests.simulations.conftest import Write

WAIT_SECONDS = 60.0

REGISTER = """
from penstock.simulations import WorkflowRunner

if __name__ == "__main__":
    runner = WorkflowRunner("runs.db")
    runner.engine
    print("ready", flush=True)
    input()
    for number in range(10):
        found = runner.register_workflow_from_file(f"w{number}")
        print(found.key, found.created_at.timestamp())
"""

EXECUTE = """
import sys
from threading import Barrier, Thread
from penstock.simulations import WorkflowRunner

MANY = 25

def execute(runner, barrier):
    barrier.wait()
    sys.stdout.write(runner.start("w0").wait().execution_id + "\\n")

if __name__ == "__main__":
    runner, barrier = WorkflowRunner("runs.db"), Barrier(MANY)
    threads = [Thread(target=execute, args=(runner, barrier)) for _ in range(MANY)]
    print("ready", flush=True)
    input()
    for each in threads:
        each.start()
    for each in threads:
        each.join()
"""


def told_together(project: Path, script: str, processes: int) -> list[list[str]]:
    """What processes print that run a script and are told at one moment to begin."""
    (project / "script.py").write_text(script)
    command = [sys.executable, "script.py"]
    children = [
        subprocess.Popen(command, cwd=project, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(processes)
    ]
    for child in children:
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
    for child in children:
        assert child.stdin is not None
        child.stdin.write("go\n")
        child.stdin.flush()
    lines = [child.communicate(timeout=WAIT_SECONDS)[0].splitlines() for child in children]
    assert [child.returncode for child in children] == [0] * processes
    return lines


def test_processes_that_register_the_same_at_once_have_the_same(
    project: Path, write: Write, runner: WorkflowRunner
) -> None:
    for number in range(10):
        write(f"w{number}", "yield env.timeout(1)")
    one, other = told_together(project, REGISTER, 2)
    assert one == other  # whoever came second was given the first one's, with its time
    assert len(one) == 10
    kept = runner.definitions.all()
    assert sorted(each.key for each in kept) == [f"w{number}@1.0" for number in range(10)]
    assert {f"{each.key} {each.created_at.timestamp()}" for each in kept} == set(one)


def test_fifty_executions_at_once_have_fifty_ids_in_a_row_and_one_definition(
    project: Path, write: Write, runner: WorkflowRunner
) -> None:
    write("w0", "yield env.timeout(1)")
    told = [line for lines in told_together(project, EXECUTE, 2) for line in lines]
    assert sorted(int(each.rpartition("-")[2]) for each in told) == list(range(1, 51))
    found = runner.executions.all()
    assert {each.execution_id for each in found} == set(told)
    assert {each.status for each in found} == {"completed"}
    assert [each.key for each in runner.definitions.all()] == ["w0@1.0"]
