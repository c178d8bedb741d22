"""A store in a JSON file from the command line: runs live in it, and it is looked after, as one in SQLite is."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.conftest import Cli, Spawned, document
from tests.cli.waiting import open_gates, ran, until_in

STORE = ("--store", "json:///kept.json")


@pytest.fixture
def kept(cli: Cli) -> Path:
    """A store with one finished run."""
    assert cli("run", "greetings.py", *STORE).exit_code == 0
    return Path("kept.json").resolve()


def test_a_run_is_found_shown_and_read_in_the_file(cli: Cli, kept: Path) -> None:
    (run,) = document(cli("runs", *STORE, "--json"))
    assert run["status"] == "completed"
    assert "Hello, Ada!" in cli("show", "latest", *STORE).stdout
    assert "greeting Grace" in cli("logs", "latest", *STORE).stdout
    tasks = json.loads(kept.read_bytes())["tasks"]
    assert {name: state["status"] for name, state in tasks.items()} == {
        "names": "completed",
        "letter": "completed",
    }
    assert tasks["letter"]["result"].startswith("Hello, Ada!")


def test_a_run_whose_process_was_killed_goes_on_where_it_was(
    cli: Cli, folder: Path, spawn: Callable[..., Spawned]
) -> None:
    process = spawn("run", "gated.py", *STORE).process
    open_gates(folder, "first")
    until_in(folder, "second")
    process.kill()
    process.wait()
    assert {name: state["status"] for name, state in json.loads(Path("kept.json").read_bytes())["tasks"].items()} == {
        "first": "completed", "second": "running",
    }  # fmt: skip
    assert "penstock resume RUN --store json:///kept.json" in cli("doctor", *STORE).stdout
    open_gates(folder, "second", "third")
    assert cli("resume", "latest", *STORE).exit_code == 0
    assert ran(folder) == ["first", "second", "second", "third"]


def test_doctor_finds_all_well(cli: Cli, kept: Path) -> None:
    said = document(cli("doctor", *STORE, "--json"))
    assert {each["level"] for each in said["findings"]} == {"ok"}
    assert f"{kept} can be read and written" in cli("doctor", *STORE).stdout


def test_a_file_of_somebody_else_is_told_with_the_remedy(cli: Cli, folder: Path) -> None:
    Path("kept.json").write_text('{"name": "a package"}')
    for command in (["runs"], ["doctor"], ["db", "info"], ["db", "check"], ["run", "greetings.py"]):
        result = cli(*command, *STORE)
        assert (result.exit_code, "name another file" in result.output) == (3, True), command
    assert Path("kept.json").read_text() == '{"name": "a package"}'


def test_it_is_described_checked_and_needs_no_migration(cli: Cli, kept: Path) -> None:
    found = document(cli("db", "info", *STORE, "--json"))
    assert (found["path"], found["counts"]["runs"], found["durability"]) == (str(kept), 1, "power")
    assert f"{kept} is whole" in cli("db", "check", *STORE).stdout
    assert "nothing is to be done" in cli("db", "migrate", *STORE).stdout


def test_a_log_with_a_hole_is_told_without_the_remedy_for_sqlite(cli: Cli, kept: Path) -> None:
    lines = kept.read_text().splitlines(keepends=True)
    kept.write_text("".join(line for line in lines if not (line.startswith(" [3,") and '"step_' in line)))
    result = cli("db", "check", *STORE)
    assert result.exit_code == 3
    assert "has a hole" in result.stdout
    assert ("penstock db restore BACKUP" in result.stdout, "sqlite3" in result.stdout) == (True, False)


def test_a_backup_is_put_back_and_what_was_there_is_kept(cli: Cli, kept: Path) -> None:
    assert document(cli("db", "backup", "copy.json", *STORE, "--json"))["size"] > 1_000
    cli("run", "mendable.py", *STORE)
    assert len(document(cli("runs", *STORE, "--json"))) == 2
    assert cli("db", "restore", "copy.json", *STORE).exit_code == 0
    assert len(document(cli("runs", *STORE, "--json"))) == 1
    assert len(document(cli("runs", "--store", f"json:///{kept}.before-restore", "--json"))) == 2


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"SQLite format 3\0", "name another file"),
        (b'{"tasks": {', "is damaged"),
        (b'{"tasks": {"one": 3}}', "is damaged"),
    ],
)
def test_what_is_no_sound_backup_changes_nothing(cli: Cli, kept: Path, content: bytes, told: str) -> None:
    before = kept.read_bytes()
    Path("copy.json").write_bytes(content)
    result = cli("db", "restore", "copy.json", *STORE)
    assert (result.exit_code, told in result.output) == (3, True)
    assert (kept.read_bytes(), Path("copy.json").read_bytes()) == (before, content)


def test_a_store_that_is_not_there_is_not_made_by_looking(cli: Cli, folder: Path) -> None:
    assert "no runs yet in json:///" in cli("runs", *STORE).output
    assert "there is no store yet" in cli("show", "latest", *STORE).output
    assert "there is none yet" in cli("doctor", *STORE).stdout
    assert not list(folder.glob("kept.json*"))
