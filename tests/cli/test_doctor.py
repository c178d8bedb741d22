"""`penstock doctor`: what is wrong here, and what to do about it."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from penstock.cli import checkups
from tests.cli.conftest import Cli, Spawned, document
from tests.cli.waiting import open_gates, until, until_in


def findings(cli: Cli) -> dict[str, dict[str, Any]]:
    """What it says of each subject; nothing is a problem."""
    said = document(cli("doctor", "--json"))
    assert said["ok"] is True
    return {each["subject"]: each for each in said["findings"]}


def test_all_is_well_with_a_new_project(cli: Cli, folder: Path) -> None:
    said = findings(cli)
    assert {each["level"] for each in said.values()} == {"ok"}
    assert "there is none yet" in said["store"]["message"]
    assert list((folder / ".penstock").iterdir()) == []


def test_all_is_well_with_a_store_in_use(cli: Cli) -> None:
    cli("run", "greetings.py")
    said = findings(cli)
    assert list(said) == "python packages sqlite platform store log disk clock runs".split()
    assert {each["level"] for each in said.values()} == {"ok"}
    assert cli("doctor").stdout.splitlines()[-1] == "0 problems, 0 warnings"


def test_a_run_whose_process_was_killed_is_found_with_the_way_to_go_on(
    cli: Cli, folder: Path, spawn: Callable[..., Spawned]
) -> None:
    process = spawn("run", "gated.py").process
    until_in(folder, "first")
    until(lambda: "1 run being driven" in cli("doctor").stdout, "the run is recorded")
    process.kill()
    process.wait()
    left = findings(cli)["left"]
    (run,) = left["runs"]
    assert (left["level"], left["remedy"]) == ("warning", "penstock resume RUN")
    shown = cli("doctor")
    assert f"1 run unfinished that nobody drives: {run[:8]}" in shown.stdout
    assert (shown.exit_code, "0 problems, 1 warning" in shown.stdout) == (0, True)
    open_gates(folder, "first", "second", "third")
    assert cli("resume", run).exit_code == 0
    assert "left" not in findings(cli)


def test_a_run_whose_process_was_stopped_is_silent(
    cli: Cli, folder: Path, spawn: Callable[..., Spawned]
) -> None:
    process = spawn("run", "gated.py", PENSTOCK_LEASE_SECONDS="0.3").process
    until_in(folder, "first")
    process.send_signal(signal.SIGSTOP)
    until(lambda: "silent" in findings(cli), "its lease lapses")
    assert len(findings(cli)["silent"]["runs"]) == 1


def test_a_paused_run_waits_for_somebody(cli: Cli, folder: Path, spawn: Callable[..., Spawned]) -> None:
    spawn("run", "gated.py")
    until_in(folder, "first")
    cli("pause", "latest")
    until(lambda: document(cli("runs", "--json"))[0]["status"] == "paused", "it is told")
    open_gates(folder, "first")
    until(lambda: "paused" in findings(cli), "the step in flight has ended")
    assert "1 run paused until somebody resumes: " in findings(cli)["paused"]["message"]


def test_a_store_that_is_none_is_a_problem(cli: Cli, folder: Path) -> None:
    (folder / ".penstock" / "penstock.db").write_bytes(
        b"no database, but long enough to be taken for one" * 100
    )
    result = cli("doctor", "--json")
    assert result.exit_code == 3
    (store,) = (each for each in json.loads(result.stdout)["findings"] if each["level"] == "problem")
    assert "is no SQLite database" in store["message"]
    assert store["remedy"] == "name another file for the store"
    assert "1 problem, 0 warnings" in cli("doctor").stdout


def test_a_setting_that_means_nothing_is_a_problem(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PENSTOCK_STORE", "redis://here")
    result = cli("doctor")
    assert (result.exit_code, "unknown kind 'redis'" in result.stdout) == (3, True)


def test_an_older_store_is_a_warning(cli: Cli, folder: Path) -> None:
    import sqlite3
    from contextlib import closing

    with closing(sqlite3.connect(folder / "old.db")) as database:
        database.execute(f"PRAGMA application_id = {0x50454E53}")
    said = {
        each["subject"]: each for each in document(cli("doctor", "--store", "old.db", "--json"))["findings"]
    }
    assert (said["store"]["level"], said["store"]["remedy"]) == (
        "warning",
        "penstock db migrate --store old.db",
    )


def test_a_store_that_keeps_nothing_is_no_problem(cli: Cli) -> None:
    assert cli("doctor", "--store", "ephemeral").exit_code == 0


@pytest.mark.parametrize(
    ("finding", "level", "said"),
    [
        (checkups.of_space(80_000_000_000, "/x"), "ok", "80 GB free at /x"),
        (checkups.of_space(100_000_000, "/x"), "warning", "100 MB free"),
        (checkups.of_space(2_000, "/x"), "problem", "2.0 kB free"),
        (checkups.of_log(8_000_000), "ok", "8.0 MB"),
        (checkups.of_log(3_000_000_000), "warning", "has grown to 3.0 GB"),
        (checkups.of_clock(0.2, 100.0, 100.0), "ok", "goes with"),
        (checkups.of_clock(3_700.0, 100.0, 100.0), "warning", "was set forward by 1 h 01 min"),
        (checkups.of_clock(-60.0, None, 100.0), "warning", "was set back by 1 min 00 s"),
        (checkups.of_clock(0.0, 190.0, 100.0), "warning", "dated 1 min 30 s in the future"),
        (checkups.of_sqlite((3, 34, 1)), "problem", "3.34.1 is too old"),
        (checkups.of_platform("Windows", "11", "AMD64"), "problem", "Windows 11"),
    ],
)
def test_what_is_scarce_or_wrong_is_told_with_a_remedy(
    finding: checkups.Finding, level: str, said: str
) -> None:
    assert (finding.level, said in finding.message) == (level, True)
    assert bool(finding.remedy) == (level != "ok")


def test_of_many_runs_some_are_named() -> None:
    rows = [{"id": f"{n:016}", "status": "paused", "state": "idle"} for n in range(7)]
    *_, paused = checkups.of_runs(rows, set(), set())
    assert paused.message.endswith(" and 2 more")
    assert len(paused.runs) == 7
