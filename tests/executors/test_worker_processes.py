"""Whole programs with worker processes: without a main guard, killed, interrupted, ended in the middle."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil  # type: ignore[import-untyped]
import pytest

from penstock.testing.executor_suite import wait_for

TOP = """
import os, sys
from queue import SimpleQueue
from penstock.context import Context, context, in_worker, stop_if_loading_main
from penstock.executors.processes import ProcessExecutor
from penstock.ports import Job

print("body", flush=True)

def start(fn, *args):
    stop_if_loading_main()
    executor, queue = ProcessExecutor(2), SimpleQueue()
    executor.submit(Job("t", fn, args, {}, Context("r", "w", "s")), lambda token, outcome: queue.put(outcome))
    return executor, queue
"""

SECONDS = 60


def run(folder: Path, body: str, *command: str) -> subprocess.CompletedProcess[str]:
    script = folder / "script.py"
    script.write_text(TOP + body)
    return subprocess.run(
        command or [sys.executable, str(script)],
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
        cwd=folder,
    )


# ── the main script ─────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_script_without_a_guard_starts_its_work_once(tmp_path: Path) -> None:
    ended = run(
        tmp_path,
        """
class Error(Exception): ...
class Point:
    def __init__(self, x): self.x = x

def work(point):
    if point.x < 0: raise Error("negative")
    return Point(point.x * 3), in_worker()

executor, queue = start(work, Point(7))
value, there = queue.get(timeout=60).value
print("started", value.x, type(value) is Point, there, in_worker())
executor.submit(Job("u", work, (Point(-1),), {}, None), lambda token, outcome: queue.put(outcome))
failure = queue.get(timeout=60).failure
print(failure.type, failure.bases[0], type(failure.exception) is Error)
executor.close()
""",
    )
    assert ended.stderr == ""
    lines = ended.stdout.splitlines()
    assert lines.count("started 21 True True False") == 1
    assert "__main__.Error Exception True" in lines


def test_a_guarded_script_is_not_entered(tmp_path: Path) -> None:
    ended = run(
        tmp_path,
        """
def work(): return "worked"
if __name__ == "__main__":
    executor, queue = start(work)
    print(queue.get(timeout=60).value)
    executor.close()
""",
    )
    assert (ended.stdout.split(), ended.stderr) == (["body", "body", "worked"], "")


def test_a_module_run_with_m_is_found(tmp_path: Path) -> None:
    ended = run(
        tmp_path,
        """
def work(): return __name__, __package__
executor, queue = start(work)
print(queue.get(timeout=60).value)
executor.close()
""",
        *[sys.executable, "-m", "script"],
    )
    assert ended.stderr == ""
    assert "('__penstock_main__', '')" in ended.stdout


def test_a_function_below_the_start_is_said_to_be_there(tmp_path: Path) -> None:
    ended = run(
        tmp_path,
        """
def first(): return 1
executor, queue = start(first)
queue.get(timeout=60)
def second(): return 2
executor.submit(Job("u", second, (), {}, None), lambda token, outcome: queue.put(outcome))
print(queue.get(timeout=60).failure.message)
executor.close()
""",
    )
    assert "second was not found in the main script" in ended.stdout
    assert "Define steps above that place" in ended.stdout


def test_a_script_that_cannot_be_loaded_fails_the_step_with_the_remedy(tmp_path: Path) -> None:
    ended = run(
        tmp_path,
        """
def work(): return 1
if __name__ != "__main__": raise RuntimeError("not here")
executor, queue = start(work)
print(queue.get(timeout=60).failure.message)
executor.close()
""",
    )
    assert "could not be loaded in a worker process: RuntimeError: not here" in ended.stdout


def test_functions_of_a_console_are_refused(tmp_path: Path) -> None:
    code = TOP + "executor = ProcessExecutor(1)\nexecutor.check(start, None)\n"
    ended = run(tmp_path, "", sys.executable, "-c", code)
    assert "DefinitionError: __main__.start is defined in a notebook or a console" in ended.stderr


# ── the program's own end ───────────────────────────────────────────────────────────────────────────────────────────

HANG = """
import time
def hang(folder):
    with open(os.path.join(folder, "pid.new"), "w") as file: file.write(str(os.getpid()))
    os.rename(os.path.join(folder, "pid.new"), os.path.join(folder, "pid"))
    {how}
"""
SLEEP, BUSY = "time.sleep(600)", "sum(range(10**12))"  # the second holds the interpreter and never lets go


def started(folder: Path, body: str) -> tuple[subprocess.Popen[bytes], psutil.Process, list[psutil.Process]]:
    script = folder / "script.py"
    script.write_text(TOP + body)
    program = subprocess.Popen(
        [sys.executable, str(script)], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )
    wait_for((folder / "pid").exists)
    workers = psutil.Process(program.pid).children()
    return program, psutil.Process(int((folder / "pid").read_text())), workers


def all_gone(processes: list[psutil.Process]) -> bool:
    return not any(lives(process) for process in processes)


def lives(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@pytest.mark.parametrize("how", [SLEEP, BUSY], ids=["sleeping", "busy"])
def test_no_worker_outlives_a_killed_program(tmp_path: Path, how: str) -> None:
    body = HANG.format(how=how) + f"executor, queue = start(hang, {str(tmp_path)!r})\ntime.sleep(600)\n"
    program, worker, workers = started(tmp_path, body)
    assert worker in workers
    program.kill()
    wait_for(lambda: all_gone(workers))
    program.communicate()


def test_a_program_that_ends_in_the_middle_takes_its_workers_along(tmp_path: Path) -> None:
    body = HANG.format(how=SLEEP) + (
        f"executor, queue = start(hang, {str(tmp_path)!r})\n"
        f"while not os.path.exists({str(tmp_path / 'go')!r}): time.sleep(0.002)\n"
    )
    program, _, workers = started(tmp_path, body)
    (tmp_path / "go").touch()
    _, errors = program.communicate(timeout=SECONDS)
    assert (program.returncode, errors) == (0, b"")
    wait_for(lambda: all_gone(workers))


def test_a_fork_of_the_program_that_ends_does_not_end_the_workers(tmp_path: Path) -> None:
    ended = run(
        tmp_path,
        """
def pid(): return os.getpid()
executor, queue = start(pid)
first = queue.get(timeout=60).value
if os.fork() == 0: sys.exit()
os.wait()
executor.submit(Job("u", pid, (), {}, None), lambda token, outcome: queue.put(outcome))
print("same", queue.get(timeout=60).value == first)
executor.close()
""",
    )
    assert ended.stdout.splitlines()[-1] == "same True"


def test_workers_that_end_in_good_order_say_nothing_even_where_warnings_are_errors(tmp_path: Path) -> None:
    ended = run(
        tmp_path,
        """
def double(number): return 2 * number
executor, queue = start(double, 4)
print(queue.get(timeout=60).value)
executor.close()
""",
        sys.executable, "-W", "error", str(tmp_path / "script.py"),
    )  # fmt: skip
    assert (ended.stdout.splitlines()[-1], ended.stderr) == ("8", "")


def test_ctrl_c_in_the_terminal_reaches_the_program_only(tmp_path: Path) -> None:
    body = HANG.format(how="time.sleep(0.2); open(os.path.join(folder, 'worked'), 'w').close()") + (
        f"executor, queue = start(hang, {str(tmp_path)!r})\n"
        "try: time.sleep(600)\n"
        "except KeyboardInterrupt: executor.close()\n"
    )
    script = tmp_path / "script.py"
    script.write_text(TOP + body)
    program = subprocess.Popen(
        [sys.executable, str(script)], stdout=subprocess.DEVNULL, start_new_session=True
    )
    wait_for((tmp_path / "pid").exists)
    os.killpg(program.pid, signal.SIGINT)
    assert program.wait(SECONDS) == 0
    assert (tmp_path / "worked").exists()
