"""`submit`, `worker`, `workers` and `queues`."""

from __future__ import annotations

import signal
from collections.abc import Callable
from pathlib import Path

from tests.cli.conftest import Cli, Spawned, document
from tests.cli.waiting import open_gates, until, until_in


def test_a_submitted_run_waits_for_a_worker(cli: Cli) -> None:
    submitted = document(cli("submit", "greetings.py", "--count", "1", "--queue", "letters", "--json"))
    assert (submitted["status"], submitted["queue"]) == ("pending", "letters")
    assert document(cli("queues", "--json")) == [
        {
            "name": "letters",
            "concurrency": None,
            "paused": False,
            "waiting": 1,
            "running": 0,
            "rate": None,
            "burst": 1,
        }
    ]
    assert document(cli("worker", "--until-idle", "--json")) == {"ended": 1, "left": 0}
    assert document(cli("show", "latest", "--json"))["result"] == "Hello, Ada!"
    assert "nothing waits" in cli("queues").stdout


def test_a_worker_can_be_given_code_and_queues(cli: Cli) -> None:
    cli("submit", "greetings.py", "--queue", "letters")
    cli("submit", "greetings.py", "--queue", "others")
    said = cli("worker", "greetings.py", "--queues", "letters, none", "--until-idle").stdout
    assert "takes runs of letters, none from sqlite:" in said
    assert said.splitlines()[-1] == "1 run driven"


def test_queues_are_paused_resumed_and_bounded(cli: Cli) -> None:
    cli("submit", "greetings.py")
    assert cli("queues", "pause", "default").stdout == "queue default is paused\n"
    assert document(cli("worker", "--until-idle", "--json"))["ended"] == 0
    assert cli("queues", "set", "default", "--concurrency", "2").stdout == "queue default is bounded to 2\n"
    assert cli("queues").stdout.splitlines()[1].split() == ["default", "1", "0", "2", "paused"]
    assert cli("queues", "resume", "default").stdout == "queue default is open\n"
    assert document(cli("worker", "--until-idle", "--json"))["ended"] == 1
    assert (
        document(cli("queues", "set", "default", "--concurrency", "none", "--json"))["state"] == "unbounded"
    )


def test_a_queue_has_a_rate_beside_its_bound(cli: Cli) -> None:
    cli("submit", "greetings.py")
    assert cli("queues", "set", "default", "--concurrency", "2").exit_code == 0
    said = cli("queues", "set", "default", "--rate", "6/h", "--burst", "2").stdout
    assert said == "queue default is begun at 6/h\n"
    assert cli("queues").stdout.splitlines()[1].split() == ["default", "1", "0", "2", "6/h"]
    (queue,) = document(cli("queues", "--json"))
    assert (queue["concurrency"], queue["rate"], queue["burst"]) == (2, "6/h", 2)
    said = cli("queues", "set", "default", "--concurrency", "none", "--rate", "none").stdout
    assert said == "queue default is unbounded, begun at any rate\n"
    assert cli("queues").stdout.splitlines()[1].split() == ["default", "1", "0"]


def test_what_means_nothing_is_refused(cli: Cli) -> None:
    for words, said in [
        (["submit", "greetings.py", "--priority", "1000"], "from -100 to 100"),
        (["worker", "--slots", "0"], "must be at least 1"),
        (["queues", "set", "default", "--concurrency", "some"], "must be a number above 0, or none"),
        (["queues", "set", "default"], "say what bounds the queue: --concurrency 3, --rate 10/s"),
        (["queues", "set", "default", "--rate", "soon"], "rate='soon' must be a number for s, m, h or d"),
        (["queues", "set", "default", "--rate", "0/s"], "such as '10/s' or '600/m'"),
        (["queues", "set", "default", "--concurrency", "2", "--burst", "3"], "--burst goes with a --rate"),
        (["queues", "stop"], "there is no command 'stop'"),
    ]:
        result = cli(*words)
        assert (result.exit_code, said in result.stderr) == (2, True), result.stderr


def test_a_worker_that_is_asked_to_end_finishes_what_it_has(
    cli: Cli, folder: Path, spawn: Callable[..., Spawned]
) -> None:
    cli("submit", "gated.py")
    cli("submit", "gated.py", "--delay", "600")
    worker = spawn("worker", "--json", "--drain", "120")
    until_in(folder, "first")
    until(lambda: "all" in cli("workers").stdout, "the worker says that it lives")
    assert document(cli("workers", "--json"))[0]["alive"] is True
    worker.process.send_signal(signal.SIGTERM)
    open_gates(folder, "first", "second", "third")
    code, out, err = worker.ended()
    assert (code, out, err) == (0, '{"ended": 1, "left": 0}\n', "")
    assert "no workers" in cli("workers").stdout


def test_a_worker_that_may_not_wait_leaves_its_run_to_others(
    cli: Cli, folder: Path, spawn: Callable[..., Spawned]
) -> None:
    cli("submit", "gated.py")
    worker = spawn("worker", "--drain", "0.1")
    until_in(folder, "first")
    worker.process.send_signal(signal.SIGINT)
    code, out, _ = worker.ended()
    assert (code, out.splitlines()[-1]) == (0, "0 runs driven, 1 left to others")
    open_gates(folder, "first", "second", "third")
    assert document(cli("worker", "--until-idle", "--json"))["ended"] == 1
