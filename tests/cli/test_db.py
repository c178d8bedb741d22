"""`penstock db`: figures, checks, copies, and putting a copy back."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from tests.cli.conftest import Cli, Spawned, document
from tests.cli.waiting import open_gates, until, until_in


@pytest.fixture
def kept(cli: Cli) -> Path:
    """A store with one finished run."""
    assert cli("run", "greetings.py", "--store", "kept.db").exit_code == 0
    return Path("kept.db").resolve()


def test_info_tells_where_the_store_is_and_what_it_holds(cli: Cli, kept: Path) -> None:
    found = document(cli("db", "info", "--store", "kept.db", "--json"))
    assert (found["path"], found["counts"]["runs"], found["durability"]) == (str(kept), 1, "power")
    assert found["size"] > 10_000
    shown = {
        line.split()[0]: line.split()[-1]
        for line in cli("db", "info", "--store", "kept.db").stdout.splitlines()
    }
    assert (shown["path"], shown["runs"]) == (str(kept), "1")
    cli("run", "mendable.py", "--store", "kept.db")
    found = document(cli("db", "info", "--store", "kept.db", "--json"))
    assert found["statuses"] == {"completed": 1, "failed": 1}
    assert found["oldest_run"]["started_at"] < found["newest_run"]["started_at"] < found["newest_event_at"]
    assert "1 completed, 1 failed" in cli("db", "info", "--store", "kept.db").stdout


def test_a_whole_store_passes_its_check(cli: Cli, kept: Path) -> None:
    result = cli("db", "check", "--store", "kept.db")
    assert (result.exit_code, f"{kept} is whole" in result.stdout) == (0, True)


def test_a_log_with_a_hole_is_told_with_the_remedy(cli: Cli, kept: Path) -> None:
    with closing(sqlite3.connect(kept)) as database, database:
        database.execute("DELETE FROM events WHERE sequence = 3")
    result = cli("db", "check", "--store", "kept.db")
    assert result.exit_code == 3
    assert "it has a hole" in result.stdout
    assert "penstock db restore BACKUP" in result.stdout
    assert json.loads(cli("db", "check", "--store", "kept.db", "--json").stdout)["ok"] is False


def test_a_backup_is_a_store_and_is_not_written_over_unasked(cli: Cli, kept: Path) -> None:
    assert document(cli("db", "backup", "copy.db", "--store", "kept.db", "--json"))["size"] > 10_000
    assert len(document(cli("runs", "--store", "copy.db", "--json"))) == 1
    again = cli("db", "backup", "copy.db", "--store", "kept.db")
    assert (again.exit_code, "copy.db is there already" in again.stderr) == (2, True)
    assert cli("db", "backup", "copy.db", "--force", "--store", "kept.db").exit_code == 0


def test_a_restore_brings_the_backup_back_and_keeps_what_was_there(cli: Cli, kept: Path) -> None:
    cli("db", "backup", "copy.db", "--store", "kept.db")
    cli("run", "greetings.py", "--store", "kept.db")
    restored = document(cli("db", "restore", "copy.db", "--store", "kept.db", "--json"))
    assert len(document(cli("runs", "--store", "kept.db", "--json"))) == 1
    assert len(document(cli("runs", "--store", restored["kept"], "--json"))) == 2
    second = document(cli("db", "restore", "copy.db", "--store", "kept.db", "--json"))
    assert second["kept"] == f"{restored['kept']}1"


def test_a_restore_makes_a_store_that_was_lost(cli: Cli, kept: Path) -> None:
    cli("db", "backup", "copy.db", "--store", "kept.db")
    kept.unlink()
    assert document(cli("db", "restore", "copy.db", "--store", "kept.db", "--json"))["kept"] is None
    assert len(document(cli("runs", "--store", "kept.db", "--json"))) == 1


def test_a_restore_is_refused_while_a_run_is_driven(
    cli: Cli, kept: Path, folder: Path, spawn: Callable[..., Spawned]
) -> None:
    cli("db", "backup", "copy.db", "--store", "kept.db")
    process = spawn("run", "gated.py", "--store", "kept.db")
    until_in(folder, "first")
    until(lambda: "running" in cli("runs", "--store", "kept.db").stdout, "the run is recorded")
    result = cli("db", "restore", "copy.db", "--store", "kept.db")
    assert result.exit_code == 2
    run = document(cli("runs", "--limit", "1", "--store", "kept.db", "--json"))[0]["run"]
    assert f"run {run} is being driven by process" in result.stderr
    open_gates(folder, "first", "second", "third")
    assert process.ended()[0] == 0
    assert cli("db", "restore", "copy.db", "--store", "kept.db").exit_code == 0


def test_a_restore_is_refused_while_another_process_has_the_store_open(cli: Cli, kept: Path) -> None:
    cli("db", "backup", "copy.db", "--store", "kept.db")
    before = kept.read_bytes()
    code = f"import penstock, sys\nwith penstock.open({str(kept)!r}): print('open', flush=True); sys.stdin.read()"
    command = [sys.executable, "-c", code]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stdout.readline() == "open\n"
        result = cli("db", "restore", "copy.db", "--store", "kept.db")
        process.stdin.close()
    assert result.exit_code == 3
    assert f"process {process.pid} (" in result.stderr
    assert f"has {kept} open" in result.stderr
    assert (kept.read_bytes(), sorted(kept.parent.glob("kept.db.*"))) == (before, [])


def test_a_damaged_store_is_replaced_as_well(cli: Cli, kept: Path) -> None:
    cli("db", "backup", "copy.db", "--store", "kept.db")
    kept.write_bytes(b"no longer a database at all, whatever it may have been before" * 100)
    restored = document(cli("db", "restore", "copy.db", "--store", "kept.db", "--json"))
    assert Path(restored["kept"]).read_bytes().startswith(b"no longer")
    assert len(document(cli("runs", "--store", "kept.db", "--json"))) == 1


def test_a_backup_that_is_not_whole_is_not_put_back(cli: Cli, kept: Path) -> None:
    cli("db", "backup", "copy.db", "--store", "kept.db")
    with closing(sqlite3.connect("copy.db")) as database, database:
        database.execute("DELETE FROM events WHERE sequence = 3")
    result = cli("db", "restore", "copy.db", "--store", "kept.db")
    assert (result.exit_code, "copy.db is not sound" in result.stderr) == (3, True)
    assert not [*kept.parent.glob("kept.db.*"), *kept.parent.glob("kept.db-restored*")]
    assert cli("db", "check", "--store", "kept.db").exit_code == 0


def test_what_is_no_store_is_not_put_in_its_place(cli: Cli, kept: Path) -> None:
    before = kept.read_bytes()
    result = cli("db", "restore", "greetings.py", "--store", "kept.db")
    assert (result.exit_code, "greetings.py" in result.stderr) == (3, True)
    assert kept.read_bytes() == before


def test_a_store_of_this_schema_has_nothing_to_migrate(cli: Cli, kept: Path) -> None:
    found = document(cli("db", "migrate", "--store", "kept.db", "--json"))
    assert found == {"path": str(kept), "from": 1, "to": 1}
    assert "nothing is to be done" in cli("db", "migrate", "--store", "kept.db").stdout


def test_an_older_store_is_looked_at_and_copied_as_it_is_and_brought_forward_when_asked(
    cli: Cli, folder: Path
) -> None:
    with closing(sqlite3.connect("old.db")) as database:
        database.execute(f"PRAGMA application_id = {0x50454E53}")
        database.execute("PRAGMA journal_mode = WAL")
    before = Path("old.db").read_bytes()
    found = document(cli("db", "info", "--store", "old.db", "--json"))
    assert (found["schema_version"], found["newest_schema"]) == (0, 1)
    assert (
        "the newest is 1: penstock db migrate --store old.db" in cli("db", "info", "--store", "old.db").stdout
    )
    assert cli("db", "backup", "copy.db", "--store", "old.db").exit_code == 0
    assert document(cli("db", "info", "--store", "copy.db", "--json"))["schema_version"] == 0
    assert Path("old.db").read_bytes() == before
    assert "from schema 0 to 1" in cli("db", "migrate", "--store", "old.db").stdout
    assert document(cli("db", "migrate", "--store", "old.db", "--json"))["from"] == 1
    assert cli("run", "greetings.py", "--store", "old.db").exit_code == 0


@pytest.mark.parametrize("what", [["info"], ["check"], ["backup", "copy.db"], ["migrate"]])
def test_a_store_that_is_not_there_is_not_made(cli: Cli, what: list[str], folder: Path) -> None:
    result = cli("db", *what, "--store", "nowhere.db")
    assert (result.exit_code, "there is no store yet at" in result.stderr) == (2, True)
    assert not (folder / "nowhere.db").exists()


def test_what_keeps_nothing_has_no_file(cli: Cli) -> None:
    result = cli("db", "info", "--store", "ephemeral")
    assert (result.exit_code, "keeps nothing in a file" in result.stderr) == (2, True)
