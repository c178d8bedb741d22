"""`penstock schedule`, `serve` and `prune`, as they are typed."""

from __future__ import annotations

import signal
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import penstock
from penstock.app.scheduling.schedule import awaiting
from penstock.app.scheduling.shelf import get_kept, put_of
from penstock.model.changes import Change
from tests.cli.conftest import Cli, Spawned, document
from tests.cli.waiting import until
from tests.schedules.conftest import START


def test_a_schedule_is_added_shown_paused_resumed_and_removed(cli: Cli) -> None:
    added = document(
        cli(
            "schedule",
            "add",
            "greetings.py",
            "--cron",
            "0 2 * * *",
            "--count",
            "1",
            "--tag",
            "a=b",
            "--jitter",
            "5m",
            "--json",
        )
    )
    assert (added["schedule"], added["workflow"], added["inputs"]) == ("greetings", "greetings", {"count": 1})
    assert (added["rule"]["expression"], added["tags"], added["jitter"]) == ("0 2 * * *", {"a": "b"}, 300.0)
    assert added["next"] <= added["due"] < added["next"] + 300
    assert "0 2 * * *  UTC" in cli("schedule", "list").stdout
    shown = document(cli("schedule", "show", "greetings", "--next", "3", "--json"))
    assert [b - a for a, b in zip(shown["moments"], shown["moments"][1:], strict=False)] == [86_400.0] * 2
    assert cli("schedule", "pause", "greetings").stdout == "schedule greetings of greetings is paused\n"
    assert "penstock schedule resume greetings" in cli("schedule", "show", "greetings").stdout
    assert document(cli("schedule", "resume", "greetings", "--json"))["paused"] is False
    assert cli("schedule", "remove", "greetings").stdout == "schedule greetings is removed\n"
    assert document(cli("schedule", "list", "--json")) == []
    assert "there is no schedule; make one" in cli("schedule", "list").stdout


def test_a_worker_fires_and_drives_what_is_due(cli: Cli, spawn: Callable[..., Spawned]) -> None:
    cli("schedule", "add", "greetings.py", "--every", "100ms", "--count", "1", "--overlap", "skip")
    worker = spawn("worker", "greetings.py")
    until(
        lambda: any(run["status"] == "completed" for run in document(cli("runs", "--json"))),
        "a run completed",
    )
    worker.process.send_signal(signal.SIGTERM)
    assert worker.ended()[0] == 0
    assert document(cli("schedule", "list", "--json"))[0]["fired"] >= 1


def test_serve_fires_until_it_is_told_to_end(cli: Cli, spawn: Callable[..., Spawned]) -> None:
    soon = (datetime.now(UTC) + timedelta(seconds=2)).isoformat()
    cli("schedule", "add", "greetings.py", "--at", soon)
    serving = spawn("serve", "--schedules", "--json")
    until(lambda: document(cli("schedule", "list", "--json"))[0]["next"] is None, "the moment was fired")
    serving.process.send_signal(signal.SIGINT)
    code, out, _ = serving.ended()
    assert (code, out) == (0, '{"fired": 1}\n')
    assert [run["status"] for run in document(cli("runs", "--json"))] == ["pending"]
    assert "done" in cli("schedule", "list").stdout


def test_a_backfill_says_what_it_made(cli: Cli) -> None:
    cli("schedule", "add", "greetings.py", "--cron", "0 2 * * *")
    backfill = ("schedule", "backfill", "greetings", "--from", "2026-01-01", "--until", "2026-01-04")
    assert cli(*backfill).stdout == "3 runs of schedule greetings made\n"
    assert document(cli(*backfill, "--json")) == {"schedule": "greetings", "runs": [], "before": 3}


def test_the_doctor_finds_schedules_that_nobody_fires(cli: Cli, folder: Path) -> None:
    cli("schedule", "add", "greetings.py", "--every", "1h")
    assert "schedules" not in [each["subject"] for each in document(cli("doctor", "--json"))["findings"]]
    with penstock.open(folder / ".penstock" / "penstock.db") as engine:
        kept = get_kept(engine.durable_store(), "greetings")
        long_ago = awaiting(kept.schedule, START)
        engine.durable_store().commit([Change(puts=[put_of(long_ago, "v")])])
    (found,) = [
        each for each in document(cli("doctor", "--json"))["findings"] if each["subject"] == "schedules"
    ]
    assert found["level"] == "warning"
    assert "1 schedule due that nobody fires: greetings for" in found["message"]
    assert found["remedy"] == "start a worker, or penstock serve --schedules"


def test_runs_are_pruned_and_that_is_told(cli: Cli) -> None:
    for _ in range(3):
        cli("run", "greetings.py", "--quiet")
    cli("submit", "greetings.py")
    assert cli("prune", "--keep", "1", "--dry-run").stdout == "2 runs would be deleted: 2 of greetings\n"
    assert cli("prune", "--history").stdout.strip() == "nothing was deleted from this store"
    assert cli("prune", "--older-than", "1d").stdout == "no run to delete\n"
    assert document(cli("prune", "--keep", "1", "--status", "completed", "--json"))["deleted"] == 2
    assert sorted(run["status"] for run in document(cli("runs", "--json"))) == ["completed", "pending"]
    (told,) = document(cli("prune", "--history", "--json"))
    assert (told["found"], told["terms"]) == (2, {"keep": 1, "statuses": ["completed"]})
    assert "--keep 1 --status completed" in cli("prune", "--history").stdout


def test_what_means_nothing_is_refused(cli: Cli) -> None:
    for words, said in [
        (["schedule", "show", "nightly"], "there is no store yet"),
        (["prune", "--keep", "1"], "there is no store yet"),
        (["schedule", "add", "greetings.py"], "needs one of cron="),
        (["schedule", "add", "greetings.py", "--every", "soon"], "say it as 30d, 1h30m, 90s or 100ms"),
        (["schedule", "add", "greetings.py", "--cron", "0 2 * *"], "has 4 fields of five"),
        (
            ["schedule", "add", "greetings.py", "--every", "1h", "--moment-input", "when"],
            "has no input 'when'",
        ),
        (["serve"], "penstock serve --schedules"),
        (["schedule", "stop"], "there is no command 'stop'"),
    ]:
        result = cli(*words)
        assert (result.exit_code, said in result.stderr) == (2, True), result.stderr
    cli("run", "greetings.py", "--quiet")
    for words, said in [
        (["prune", "--status", "running"], "running"),
        (["prune", "--dry-run"], "say which runs to delete"),
        (["schedule", "show", "nightly"], "there is none yet"),
    ]:
        result = cli(*words)
        assert (result.exit_code, said in result.stderr) == (2, True), result.stderr
