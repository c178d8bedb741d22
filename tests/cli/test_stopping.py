"""Runs that are interrupted, terminated, killed, cancelled or paused: nothing done is lost, and the way on is printed."""

from __future__ import annotations

import json
import re
import shlex
import signal
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Cli, Spawned, document, lines
from tests.cli.waiting import open_gates, ran, until, until_in

Spawn = Callable[..., Spawned]


def test_a_killed_run_is_resumed_and_no_committed_step_runs_again(
    spawn: Spawn, cli: Cli, folder: Path
) -> None:
    open_gates(folder, "first")
    run = spawn("run", "gated.py")
    until_in(folder, "second")
    run.process.kill()
    assert run.ended()[0] == -signal.SIGKILL

    (row,) = document(cli("runs", "--json"))
    assert (row["status"], row["driven"]) == ("running", False)
    said = cli("show", "latest").output
    assert "● unfinished" in said
    resume = re.search(r"go on +penstock (resume \w+)", said)
    assert resume is not None

    open_gates(folder, "second", "third")
    code, out, _ = spawn(*shlex.split(resume[1])).ended()
    assert code == 0
    assert "goes on, 1 step done before" in out
    assert "result   third" in out
    done = lines(cli("events", "latest", "--kind", "step_done", "--json"))
    assert [event["step"] for event in done] == ["first", "second", "third"]
    assert ran(folder) == ["first", "second", "second", "third"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_ends_cleanly_and_says_how_to_go_on(
    number: signal.Signals, spawn: Spawn, cli: Cli, folder: Path
) -> None:
    open_gates(folder, "first")
    run = spawn("run", "gated.py", "--store", "mine.db")
    until_in(folder, "second")
    run.process.send_signal(number)
    code, out, err = run.ended()
    assert code == 130
    assert "interrupted; what is done is kept (1 step)" in out
    assert "Traceback" not in err
    found = re.search(r"go on   penstock (.*)", out)
    assert found is not None
    assert found[1].endswith("--store mine.db")
    assert row_of(folder / "mine.db") == ("running", "ready", None)

    open_gates(folder, "second", "third")
    assert cli(*shlex.split(found[1])).exit_code == 0


def row_of(path: Path) -> tuple[Any, ...]:
    with closing(sqlite3.connect(path)) as connection:
        (row,) = connection.execute("SELECT status, state, owner FROM runs").fetchall()
    return tuple(row)


def test_an_interrupted_run_in_json_is_one_document(spawn: Spawn, folder: Path) -> None:
    run = spawn("run", "gated.py", "--json")
    until_in(folder, "first")
    run.process.send_signal(signal.SIGINT)
    code, out, _ = run.ended()
    found = json.loads(out)
    assert (code, found["status"]) == (130, "running")
    assert found["resume"] == f"penstock resume {found['run'][:8]}"


def test_a_long_step_on_the_main_thread_is_interrupted_too(spawn: Spawn, folder: Path) -> None:
    (folder / "sleeps.py").write_text(SLEEPS)
    run = spawn("run", "sleeps.py")
    until((folder / "asleep").exists, "the step sleeps")
    run.process.send_signal(signal.SIGINT)
    assert run.ended()[0] == 130


SLEEPS = """
import time
from pathlib import Path
from penstock import Workflow, task

@task
def sleep() -> None:
    Path("asleep").touch()
    time.sleep(600)

flow = Workflow("sleeps")
flow.add_task(sleep)
"""


def test_workers_do_not_outlive_an_interrupted_run(spawn: Spawn, folder: Path) -> None:
    (folder / "works.py").write_text(
        SLEEPS.replace("@task", '@task(executor="processes")').replace(
            'Path("asleep").touch()', 'import os; Path("asleep").write_text(str(os.getpid()))'
        )
    )
    run = spawn("run", "works.py")
    until(lambda: (folder / "asleep").exists() and (folder / "asleep").read_text() != "", "the worker sleeps")
    worker = int((folder / "asleep").read_text())
    run.process.send_signal(signal.SIGINT)
    assert run.ended()[0] == 130
    until(lambda: not Path(f"/proc/{worker}").exists(), "the worker has gone")


def test_a_failed_run_goes_on_where_it_failed_once_it_is_mended(cli: Cli, folder: Path) -> None:
    assert cli("run", "mendable.py").exit_code == 1
    (folder / "mended").write_text("1234")
    result = cli("resume", "latest")
    assert result.exit_code == 0
    assert "result   5.0" in result.output
    assert (folder / "ran").read_text() == "before "


def test_resuming_a_completed_run_runs_nothing_and_shows_its_result(cli: Cli) -> None:
    cli("run", "greetings.py", "--count", "1")
    result = cli("resume", "latest")
    assert result.exit_code == 0
    assert "had ended before: nothing was run" in result.output
    assert "result   Hello, Ada!" in result.output


def test_a_run_whose_file_went_away_is_resumed_with_its_new_place(cli: Cli, folder: Path) -> None:
    cli("run", "mendable.py")
    (folder / "mended").write_text("12345")
    (folder / "mendable.py").rename(folder / "moved.py")
    import sys

    sys.modules.pop("mendable", None)
    result = cli("resume", "latest")
    assert result.exit_code == 2
    assert "penstock resume RUN --file FILE[:NAME]" in result.stderr
    result = cli("resume", "latest", "--file", "moved.py")
    assert result.exit_code == 0, result.output
    assert "result   4.0" in result.output


def test_changed_code_does_not_continue_an_old_run(cli: Cli, folder: Path) -> None:
    cli("run", "mendable.py")
    (folder / "changed.py").write_text(
        (folder / "mendable.py").read_text().replace('depends_on=["before"]', "values={'before': 1}")
    )
    result = cli("resume", "latest", "--file", "changed.py")
    assert result.exit_code == 2
    assert "another structure" in result.stderr


def test_a_run_is_cancelled_from_another_process(spawn: Spawn, cli: Cli, folder: Path) -> None:
    run = spawn("run", "gated.py")
    until_in(folder, "first")
    result = cli("cancel", "latest", "--reason", "wrong day", "--wait")
    assert (result.exit_code, "is cancelled" in result.output) == (0, True)
    code, out, _ = run.ended()
    assert code == 4
    assert "⊘ cancelled" in out
    assert "wrong day" in out
    assert cli("resume", "latest").exit_code == 2


def test_a_run_that_nobody_drives_is_cancelled_as_well(spawn: Spawn, cli: Cli, folder: Path) -> None:
    run = spawn("run", "gated.py")
    until_in(folder, "first")
    run.process.send_signal(signal.SIGINT)
    run.ended()
    assert document(cli("cancel", "latest", "--json"))["status"] == "cancelled"


def test_a_run_is_paused_until_it_is_resumed_and_watched_from_there(
    spawn: Spawn, cli: Cli, folder: Path
) -> None:
    run = spawn("run", "gated.py")
    until_in(folder, "first")
    pause = spawn("pause", "latest", "--wait")
    until(lambda: status(cli) == "paused", "it is paused")
    open_gates(folder, "first", "second", "third")
    code, out, _ = pause.ended()
    assert code == 0
    assert "is paused" in out
    assert ran(folder) == ["first"]

    code, out, _ = spawn("resume", "latest").ended()
    assert code == 0
    assert "result   third" in out
    assert run.ended()[0] == 0
    assert ran(folder) == ["first", "second", "third"]


def status(cli: Cli) -> str:
    return str(document(cli("runs", "--json"))[0]["status"])


def test_a_run_alive_elsewhere_is_not_driven_twice(spawn: Spawn, cli: Cli, folder: Path) -> None:
    run = spawn("run", "gated.py")
    until_in(folder, "first")
    result = cli("resume", "latest")
    assert result.exit_code == 2
    assert "is being driven" in result.stderr
    open_gates(folder, "first", "second", "third")
    assert run.ended()[0] == 0


def test_events_are_followed_while_another_process_records_them(spawn: Spawn, cli: Cli, folder: Path) -> None:
    run = spawn("run", "gated.py")
    until_in(folder, "first")
    following = spawn("events", "latest", "--follow", "--json")
    assert following.process.stdout is not None
    assert json.loads(following.process.stdout.readline())["kind"] == "run_started"
    open_gates(folder, "first", "second", "third")
    _, out, _ = following.ended()
    assert json.loads(out.splitlines()[-1])["kind"] == "run_done"
    assert run.ended()[0] == 0


def test_a_signal_is_recorded_in_the_run(spawn: Spawn, cli: Cli, folder: Path) -> None:
    run = spawn("run", "gated.py")
    until_in(folder, "first")
    assert cli("signal", "latest", "approved", "--data", '{"by": "Ada"}', "--key", "once").exit_code == 0
    assert cli("signal", "latest", "approved", "--data", '{"by": "Eve"}', "--key", "once").exit_code == 0
    until(lambda: signals(cli) != [], "the signal was taken")
    open_gates(folder, "first", "second", "third")
    assert run.ended()[0] == 0
    assert signals(cli) == [("approved", {"by": "Ada"})]


def signals(cli: Cli) -> list[tuple[str, Any]]:
    found = lines(cli("events", "latest", "--kind", "signalled", "--json"))
    return [(event["data"]["name"], event["data"]["value"]) for event in found]


def test_output_that_nobody_reads_any_more_is_no_failure(spawn: Spawn, cli: Cli) -> None:
    cli("run", "greetings.py")
    following = spawn("events", "latest")
    assert following.process.stdout is not None
    following.process.stdout.close()
    assert following.process.wait(timeout=300) == 0


def test_a_run_goes_on_though_nobody_reads_its_output(spawn: Spawn, cli: Cli, folder: Path) -> None:
    run = spawn("run", "gated.py")
    until_in(folder, "first")
    assert run.process.stdout is not None
    run.process.stdout.close()
    open_gates(folder, "first", "second", "third")
    assert run.process.wait(timeout=300) == 0
    assert status(cli) == "completed"


def test_steps_on_threads_run_side_by_side_and_are_cancelled_at_once(
    spawn: Spawn, cli: Cli, folder: Path
) -> None:
    (folder / "sides.py").write_text(SIDES)
    run = spawn("run", "sides.py", "--executor", "threads")
    until(lambda: (folder / "left").exists() and (folder / "right").exists(), "both run")
    assert "is cancelled" in cli("cancel", "latest", "--wait").output
    assert run.ended()[0] == 4


SIDES = """
import time
from pathlib import Path
from penstock import Workflow, task

def wait(name: str) -> None:
    Path(name).touch()
    time.sleep(600)

flow = Workflow("sides")
flow.add_task(wait, name="one", values={"name": "left"})
flow.add_task(wait, name="two", values={"name": "right"})
"""
