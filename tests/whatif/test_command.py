"""`penstock simulate` of a workflow that is none of TOML: what is asked, what is printed, how it ends."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from click.testing import CliRunner, Result

FLOW = """
from penstock import Workflow, task


@task
def names(count: int = 3) -> list[str]:
    return ["Ada", "Grace", "Edsger", "Barbara"][:count]


@task
def greet(name: str) -> str:
    return f"Hello, {name}!"


flow = Workflow("greetings")
flow.add_task(names)
flow.add_task(greet.map(name="names"))
"""

TABLE = """
[steps.names]
duration = 2
output = ["Ada", "Grace", "Alan", "Kurt"]

[steps.greet]
duration = 1.5
"""

SIMULATED = """
class WorkflowExecutor:
    def __init__(self, parameters):
        self.parameters = parameters

    def execute(self, env):
        yield env.timeout(10)
"""

Cli = Callable[..., Result]


@pytest.fixture
def cli(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cli]:
    monkeypatch.chdir(tmp_path)
    for name in ("PENSTOCK_STORE", "NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / ".penstock").mkdir()
    (tmp_path / "greetings.py").write_text(FLOW)
    (tmp_path / "table.toml").write_text(TABLE)
    known, path = set(sys.modules), list(sys.path)
    from penstock.cli.commands import penstock

    yield lambda *arguments: CliRunner().invoke(penstock, list(arguments), prog_name="penstock")
    sys.path[:] = path
    for name in set(sys.modules) - known:
        if str(getattr(sys.modules[name], "__file__", "")).startswith(str(tmp_path)):
            del sys.modules[name]


def answer(cli: Cli, *arguments: str) -> Any:
    result = cli("simulate", *arguments, "--json")
    assert result.exit_code == 0, result.output + result.stderr
    return json.loads(result.stdout)


def test_a_table_of_durations_needs_no_past(cli: Cli) -> None:
    result = cli("simulate", "greetings.py", "--durations", "table.toml", "--workers", "2", "--seeds", "3")
    assert result.exit_code == 0, result.output
    assert "makespan      5.0 s" in result.output
    assert re.search(r"workers +80% of 2 busy", result.output)
    assert "raise first   workers" in result.output
    assert not list(Path(".penstock").iterdir()), "no store is made to look for runs in"


def test_what_nothing_is_known_of_is_told(cli: Cli) -> None:
    result = cli("simulate", "greetings.py", "--seeds", "2", "--default", "3")
    assert "not known" in result.output
    assert "names: took 3.0 s each and gave nothing" in result.output
    assert "2 failed" in result.output, "a map over nothing"


def test_past_runs_are_learned_from(cli: Cli) -> None:
    cli("run", "greetings.py", "-q")
    found = answer(cli, "greetings.py", "--seeds", "4")
    assert found["known"]["runs"] == 1
    assert found["known"]["attempts"] == 4
    assert found["statuses"] == {"completed": 4}
    again = answer(cli, "greetings.py:flow", "--seeds", "4")
    assert again == found
    assert answer(cli, "latest", "--seeds", "4")["makespan"] == found["makespan"]


def test_any_other_option_is_an_input(cli: Cli) -> None:
    cli("run", "greetings.py", "-q")
    really = ("--really", "names", "--default", "1", "--seeds", "1", "--durations", "said.toml")
    Path("said.toml").write_text("[steps.names]\nduration = 1\n[steps.greet]\nduration = 1\n")
    found = answer(cli, "greetings.py", "--count", "1", "--workers", "1", *really)
    assert found["makespan"]["median"] == 2.0
    found = answer(cli, "greetings.py", "--input", "count=4", "--workers", "1", *really)
    assert found["makespan"]["median"] == 5.0
    told = cli("simulate", "greetings.py", "--help").output
    assert re.search(r"Inputs of greetings.py:\s+--count", told)


def test_several_numbers_of_workers_are_compared(cli: Cli) -> None:
    result = cli(
        "simulate", "greetings.py", "--durations", "table.toml", "--workers", "1,2,4", "--seeds", "2"
    )
    rows = [line.split() for line in result.output.splitlines() if line.strip()[:1].isdigit()]
    assert [(row[0], row[1]) for row in rows] == [("1", "8.0"), ("2", "5.0"), ("4", "3.5")]
    found = answer(cli, "greetings.py", "--durations", "table.toml", "--workers", "1,2", "--seeds", "2")
    assert [each["makespan"]["median"] for each in found] == [8.0, 5.0]


def test_runs_may_come_by_chance(cli: Cli) -> None:
    found = answer(
        cli,
        "greetings.py",
        "--durations",
        "table.toml",
        "--rate",
        "6/min",
        "--for",
        "1h",
        "--workers",
        "2",
        "--seeds",
        "5",
    )
    assert 300 < found["runs"]["mean"] < 420
    (place,) = found["places"]
    assert 0.3 < place["utilisation"]["mean"] < 0.5, "8 seconds of work each 10 seconds, in two places"
    assert found["bottleneck"]["objective"] == "mean latency"


def test_runs_may_come_as_a_schedule_makes_them(cli: Cli) -> None:
    cli("schedule", "add", "greetings.py", "--name", "often", "--every", "1h", "--count", "2")
    found = answer(
        cli,
        "greetings.py",
        "--durations",
        "table.toml",
        "--schedule",
        "often",
        "--for",
        "4h",
        "--workers",
        "4",
        "--seeds",
        "1",
    )
    assert found["runs"]["median"] in (4, 5)
    assert found["latency"]["mean"]["median"] == 3.5


def test_queues_and_processes_bound_runs(cli: Cli) -> None:
    cli("queues", "set", "letters", "--concurrency", "1")
    said = ("greetings.py", "--durations", "table.toml", "--runs", "3", "--seeds", "1")
    assert answer(cli, *said, "--queue", "letters", "--workers", "4")["makespan"]["median"] == 10.5
    assert (
        answer(cli, *said, "--slots", "1", "--threads", "2", "--workers", "1")["makespan"]["median"] == 15.0
    )


def test_a_queues_rate_spaces_runs(cli: Cli) -> None:
    cli("queues", "set", "letters", "--rate", "6/m", "--concurrency", "9")
    said = ("greetings.py", "--durations", "table.toml", "--runs", "3", "--seeds", "1", "--workers", "12")
    found = answer(cli, *said, "--queue", "letters")
    assert found["makespan"]["median"] == pytest.approx(20 + 3.5, abs=1e-3)
    assert found["capacity"]["rate"]["rate"] == 0.1
    assert answer(cli, *said, "--queue-rate", "1/s")["makespan"]["median"] == pytest.approx(5.5, abs=1e-3)
    told = cli("simulate", *said, "--queue", "letters").output
    assert re.search(r"raise first +queue rate: 0\.2 instead of 0\.1 saves \d+% of the makespan", told)


def test_runs_may_come_by_chance_to_a_queue_that_has_a_rate(cli: Cli) -> None:
    said = ("greetings.py", "--durations", "table.toml", "--rate", "60/min", "--for", "1min", "--seeds", "1")
    found = answer(cli, *said, "--workers", "99", "--queue-rate", "30/m")
    assert found["makespan"]["median"] >= 2 * (found["runs"]["median"] - 1)


def test_an_unknown_queue_is_refused(cli: Cli) -> None:
    said = ("simulate", "greetings.py", "--durations", "table.toml", "--seeds", "1", "--queue")
    without = cli(*said, "reports")
    assert without.exit_code == 2
    assert "there is no queue 'reports'" in without.stderr
    assert "there are none" in without.stderr
    assert not list(Path(".penstock").iterdir()), "no store is made to look for queues in"
    cli("queues", "set", "reports", "--rate", "10/s")
    cli("queues", "set", "mails", "--concurrency", "1")
    assert cli(*said, "reports").exit_code == 0
    for queue, remedy in (("raports", "did you mean 'reports'?"), ("x", "there are mails, reports")):
        result = cli(*said, queue)
        assert result.exit_code == 2
        assert f"there is no queue '{queue}'" in result.stderr
        assert remedy in result.stderr
        assert "Traceback" not in result.output + result.stderr


def test_a_limit_may_be_another(cli: Cli, tmp_path: Path) -> None:
    limited = FLOW.replace("@task\ndef greet", "@task(limit='mail')\ndef greet")
    (tmp_path / "limited.py").write_text(limited)
    said = ("limited.py", "--durations", "table.toml", "--workers", "4", "--seeds", "1")
    assert answer(cli, *said)["makespan"]["median"] == 3.5
    assert answer(cli, *said, "--key", "mail=1")["makespan"]["median"] == 8.0
    cli("limits", "set", "mail", "--at-most", "2")
    assert answer(cli, *said)["makespan"]["median"] == 5.0
    assert re.search("limit mail +60% of 2 busy", cli("simulate", *said).output)


def test_prices_are_summed(cli: Cli) -> None:
    said = ("greetings.py", "--durations", "table.toml", "--seeds", "1", "--workers", "2")
    found = answer(cli, *said, "--price", "worker_hour=360", "--price", "greet=2")
    assert found["cost"]["median"] == 2 * 5 * 0.1 + 4 * 2


def test_a_page_with_pictures_is_written(cli: Cli, tmp_path: Path) -> None:
    said = ("greetings.py", "--durations", "table.toml", "--seeds", "3", "--html", "what-if.html")
    result = cli("simulate", *said, "--workers", "1,2")
    assert "what-if.html" in result.output
    text = (tmp_path / "what-if.html").read_text()
    assert not re.search(r"(?:src|href)=|@import|url\(", text), "it needs nothing else"
    drawings = re.findall(r"<svg.*?</svg>", text, re.S)
    assert len(drawings) == 1 + 2 * 3
    for each in drawings:
        ElementTree.fromstring(each)
    assert "<title>attempt 1: completed after 2.000 s</title>" in text
    before = text
    cli("simulate", *said, "--workers", "1,2")
    assert (tmp_path / "what-if.html").read_text() == before


def test_a_check_sets_what_was_beside_what_was_predicted(cli: Cli) -> None:
    for _ in range(3):
        cli("run", "greetings.py", "-q")
    result = cli("simulate", "greetings.py", "--check", "--seeds", "3")
    assert result.exit_code == 0, result.output
    assert "learned from 2 past runs" in result.output
    assert "median of 3" in result.output
    found = answer(cli, "latest", "--check", "--seeds", "3")
    assert len(found["runs"]) == 1


def test_a_check_may_be_taught_by_named_runs(cli: Cli) -> None:
    runs = [json.loads(cli("run", "greetings.py", "--json").stdout)["run"] for _ in range(3)]
    found = answer(cli, "greetings.py", "--check", "--from", runs[0], "--from", runs[1], "--seeds", "3")
    assert (found["learned_from"], [each["run"] for each in found["runs"]]) == (2, [runs[2]])
    found = answer(cli, runs[0], runs[1], "--check", "--seeds", "3")
    assert [each["run"] for each in found["runs"]] == runs[:2]


def test_a_name_of_the_catalogue_is_simulated(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text('[tool.penstock]\nworkflows = ["greetings.py"]\n')
    found = answer(cli, "greetings", "--durations", "table.toml", "--seeds", "2")
    assert found["workflow"] == "greetings"
    assert found["makespan"]["median"] == 3.5


def test_the_same_seeds_give_the_same_bytes(cli: Cli) -> None:
    cli("run", "greetings.py", "-q")
    said = ("simulate", "greetings.py", "--runs", "5", "--workers", "3", "--json")
    assert cli(*said).stdout == cli(*said).stdout
    assert cli(*said).stdout != cli(*said, "--seed", "100").stdout


def test_a_simulated_workflow_is_executed_as_before(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "workflows").mkdir()
    (tmp_path / "workflows" / "waiting.py").write_text(SIMULATED)
    found = answer(cli, "waiting")
    assert found["status"] == "completed"
    assert found["metrics"]["virtual_seconds"] == 10.0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["greetings.py", "--workers", "many"], "whole numbers, such as 4 or 10,25,50"),
        (["greetings.py", "--workers", "0"], "workers=0 must be a whole number"),
        (["greetings.py", "--rate", "often"], "runs a time, such as 10/min"),
        (["greetings.py", "--rate", "3/min"], "say either --for 8h or --runs 1000"),
        (
            ["greetings.py", "--queue-rate", "often"],
            "the queue's rate='often' must be a number for s, m, h or d",
        ),
        (["greetings.py", "--queue-rate", "3/min"], "such as '10/s' or '600/m'"),
        (["greetings.py", "--until", "soon"], "no length of time"),
        (["greetings.py", "--price", "much"], "lacks its value"),
        (["greetings.py", "--key", "mail=seldom"], "rate='seldom' must be"),
        (["greetings.py", "--price", "run=much"], "must be a number"),
        (["greetings.py", "--durations", "nowhere.toml"], "nowhere.toml cannot be read"),
        (["greetings.py", "--coutn", "3"], "has no input 'coutn'; did you mean 'count'?"),
        (["greetings.py", "other.py"], "one workflow at a time"),
        (["greetings.py", "--seeds", "1", "--html", "no/where.html"], "no/where.html cannot be written"),
        (["greetings.py", "--check"], "there is no store yet"),
        (["nowhere.py"], "there is no file 'nowhere.py'"),
        (["nowhere"], "there is no workflow 'nowhere'"),
    ],
)
def test_slips_are_refused_with_the_remedy(cli: Cli, arguments: list[str], said: str) -> None:
    result = cli("simulate", *arguments)
    assert result.exit_code != 0
    assert said in result.stderr


def test_a_table_that_is_none_names_place_and_key(cli: Cli, tmp_path: Path) -> None:
    for text, said in (
        (
            "[steps.names]\nduraton = 1",
            "wrong.toml: steps.names has no key 'duraton'; did you mean 'duration'?",
        ),
        ("[steps.names]\nfails = 3", "wrong.toml: steps.names: fails = 3 must be a share"),
        ("[step.names]\nduration = 3", "wrong.toml: there is no table 'step'"),
        ("[steps", "wrong.toml is no TOML"),
        ("", "wrong.toml: it says nothing of any step"),
    ):
        (tmp_path / "wrong.toml").write_text(text)
        result = cli("simulate", "greetings.py", "--durations", "wrong.toml")
        assert result.exit_code == 2, text
        assert said in result.stderr
