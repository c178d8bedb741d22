"""`penstock fork` and `penstock rerun`, as they are typed."""

from __future__ import annotations

from pathlib import Path

from tests.cli.conftest import Cli, cli, document, folder

__all__ = ["cli", "folder"]


def test_a_fork_says_what_it_reuses_and_runs_the_rest(cli: Cli) -> None:
    run = document(cli("run", "greetings.py", "--count", "2", "--json"))["run"]
    forked = cli("fork", "latest", "--set", 'greet.output=["Hi!"]')
    assert forked.exit_code == 0, forked.output
    head, *lines = forked.stdout.splitlines()
    assert head.endswith(f"made of {run[:8]}, 2 steps reused")
    assert [line.split()[2] for line in lines[:1]] == ["letter"]
    assert "result   Hi!" in forked.stdout
    again = document(cli("fork", run, "--set", "input.polite=true", "--json"))
    assert again["result"] == "Good day, Ada. Good day, Grace."
    assert [step["status"] for step in again["steps"]] == ["reused", "completed", "completed"]
    assert document(cli("show", run, "--json"))["made_of"] is None
    assert document(cli("show", again["run"], "--json"))["made_of"] == run
    assert f"made of   {run}  penstock diff {again['run'][:8]}" in cli("show", again["run"]).stdout


def test_a_rerun_goes_on_where_the_failure_was(cli: Cli, folder: Path) -> None:
    failed = cli("run", "mendable.py")
    assert failed.exit_code == 1
    Path("mended").write_text("xxxx")
    again = cli("rerun", "latest", "-q")
    assert (again.exit_code, again.stdout) == (0, "5.0\n")
    assert (folder / "ran").read_text() == "before "
    assert cli("rerun", "latest").exit_code == 2
    assert document(cli("rerun", "latest", "--all", "--json"))["result"] == 5.0
    assert (folder / "ran").read_text() == "before before "


def test_a_fork_can_wait_for_a_worker(cli: Cli) -> None:
    cli("run", "greetings.py", "-q")
    made = document(cli("fork", "latest", "--from", "letter", "--submit", "--tag", "for=show", "--json"))
    assert made["status"] == "pending"
    assert document(cli("worker", "--until-idle", "--json"))["ended"] == 1
    shown = document(cli("show", made["run"], "--json"))
    assert (shown["status"], shown["tags"]) == ("completed", {"for": "show"})


def test_what_cannot_be_done_is_said(cli: Cli) -> None:
    cli("run", "greetings.py", "-q")
    for words, said in (
        (["--from", "leter"], "no step 'leter'; did you mean 'letter'?"),
        (["--set", "names"], "--set 'names' lacks its value: it must be NAME=VALUE"),
        (["--set", "names=1"], "say 'STEP.output' or 'input.NAME'"),
        ([], "would do nothing again"),
    ):
        refused = cli("fork", "latest", *words)
        assert refused.exit_code == 2
        assert said in refused.stderr
