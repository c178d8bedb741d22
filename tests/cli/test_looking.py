"""`penstock runs`, `show`, `events` and `logs`: what happened, for people and for programs."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import penstock
from tests.cli.conftest import Cli, Spawned, document, lines
from tests.cli.waiting import open_gates, until_in


def test_runs_are_listed_newest_first_and_filtered(cli: Cli) -> None:
    cli("run", "greetings.py", "--tag", "team=north")
    cli("run", "mendable.py")
    rows = document(cli("runs", "--json"))
    assert [(row["workflow"], row["status"], row["driven"]) for row in rows] == [
        ("mendable", "failed", False),
        ("greetings", "completed", False),
    ]
    assert document(cli("runs", "--status", "failed", "--json")) == rows[:1]
    assert document(cli("runs", "--workflow", "greetings", "--json")) == rows[1:]
    assert document(cli("runs", "--limit", "1", "--json")) == rows[:1]


def test_the_table_of_runs_is_aligned(cli: Cli) -> None:
    cli("run", "greetings.py", "--tag", "team=north")
    cli("run", "mendable.py")
    head, first, second = cli("runs").output.splitlines()
    assert head.split() == ["RUN", "WORKFLOW", "STATUS", "STARTED", "TOOK", "TAGS"]
    assert first[head.index("STATUS") :].startswith("failed ")
    assert second[head.index("STATUS") :].startswith("completed ")
    assert second.endswith("team=north")


def test_where_no_run_fits_it_says_so(cli: Cli) -> None:
    cli("run", "greetings.py")
    assert "no run fits" in cli("runs", "--status", "paused").output


def test_show_tells_inputs_steps_and_result(cli: Cli) -> None:
    cli("run", "greetings.py", "--count", "2")
    output = cli("show", "latest").output
    assert re.match(r"greetings  run [0-9a-f]{16}  ✓ completed\n", output)
    assert re.search(r"\n  inputs    count = 2\n", output)
    assert re.search(r"\n  result    Hello, Ada! Hello, Grace!\n", output)
    assert re.search(r"\n  ✓ greet +\d+(\.\d)? m?s  2 items\n", output)
    assert re.search(r"greetings.py:flow\n", output)


def test_show_in_json_has_all_there_is_to_know(cli: Cli) -> None:
    cli("run", "greetings.py", "--count", "2", "--tag", "team=north")
    found = document(cli("show", "latest", "--json"))
    assert found["inputs"] == {"count": 2}
    assert found["tags"] == {"team": "north"}
    assert found["source"]["name"] == "flow"
    assert (found["driven"], found["printed_lines"], found["error"]) == (False, 2, None)
    assert [(step["step"], step["status"], step["attempts"]) for step in found["steps"]] == [
        ("names", "completed", 1),
        ("greet", "completed", 2),
        ("letter", "completed", 1),
    ]


def test_show_of_a_failed_run_has_the_error_and_the_remedy(cli: Cli) -> None:
    cli("run", "mendable.py")
    output = cli("show", "latest").output
    assert "✗ divide" in output
    assert "ZeroDivisionError: division by zero" in output
    assert "mend, then   penstock resume " in output


def test_a_run_is_found_by_its_beginning(cli: Cli) -> None:
    cli("run", "greetings.py")
    (row,) = document(cli("runs", "--json"))
    for name in (row["run"], row["run"][:4], "latest"):
        assert document(cli("show", name, "--json"))["run"] == row["run"]


def test_events_are_the_log_as_recorded(cli: Cli) -> None:
    cli("run", "greetings.py", "--count", "1")
    found = lines(cli("events", "latest", "--json"))
    assert [event["sequence"] for event in found] == list(range(1, len(found) + 1))
    assert [event["kind"] for event in found] == [
        "run_started",
        *["step_started", "step_done"] * 3,
        "run_done",
    ]
    assert (found[3]["step"], found[3]["item"], found[4]["data"]) == ("greet", 0, {"value": "Hello, Ada!"})


def test_events_are_filtered_by_kind(cli: Cli) -> None:
    cli("run", "greetings.py", "--count", "2")
    found = lines(cli("events", "latest", "--kind", "step_done", "--kind", "run_done", "--json"))
    assert [event["kind"] for event in found] == [*["step_done"] * 4, "run_done"]


def test_events_for_people_are_a_line_each(cli: Cli) -> None:
    cli("run", "mendable.py")
    output = cli("events", "latest").output
    assert re.search(r"^ +4  \d\d:\d\d:\d\d\.\d{3}  step_started    divide$", output, re.MULTILINE)
    assert re.search(r"step_failed +divide +ZeroDivisionError: division by zero", output)


def test_following_a_run_that_has_ended_ends_as_well(cli: Cli) -> None:
    cli("run", "greetings.py")
    assert lines(cli("events", "latest", "--follow", "--json"))[-1]["kind"] == "run_done"
    assert len(lines(cli("logs", "latest", "--follow", "--json"))) == 3


def test_logs_are_what_steps_printed_with_its_step(cli: Cli) -> None:
    cli("run", "greetings.py", "--count", "2")
    found = lines(cli("logs", "latest", "--json"))
    assert [
        (line["step"], line["item"], line["attempt"], line["stream"], line["text"]) for line in found
    ] == [
        ("greet", 0, 1, "stdout", "greeting Ada"),
        ("greet", 1, 1, "stdout", "greeting Grace"),
    ]
    assert re.search(r"greet\[1]  greeting Grace\n", cli("logs", "latest", "greet").output)
    assert "step 'letter' printed nothing" in cli("logs", "latest", "letter").output


def test_as_many_lines_are_counted_as_there_are(cli: Cli, folder: Path) -> None:
    cli("run", "greetings.py", "--quiet")
    run = document(cli("show", "latest", "--json"))["run"]
    with penstock.open(folder / ".penstock" / "penstock.db") as engine:
        engine.durable_store().write_logs([(run, "greet", None, 1, 5.0, "stdout", "x")] * 20_500)
    assert document(cli("show", "latest", "--json"))["printed_lines"] == 20_503


def test_logs_that_are_warnings_of_a_logger_are_there_too(cli: Cli) -> None:
    Path("warns.py").write_text(WARNS)
    cli("run", "warns.py")
    (line,) = lines(cli("logs", "latest", "--json"))
    assert (line["stream"], line["text"]) == ("log", "WARNING penstock.step: low on ink")


def test_what_a_long_step_prints_is_there_while_it_runs(spawn: Callable[..., Spawned], folder: Path) -> None:
    gate = "async def pass_gate(name: str) -> str:"
    talking = (folder / "gated.py").read_text().replace(gate, f"{gate}\n    print('waiting at', name)")
    (folder / "talks.py").write_text(talking)
    run = spawn("run", "talks.py")
    until_in(folder, "first")
    following = spawn("logs", "latest", "--follow")
    assert following.process.stdout is not None
    assert "waiting at first" in following.process.stdout.readline()
    open_gates(folder, "first", "second", "third")
    assert "waiting at third" in following.ended()[1]
    assert run.ended()[0] == 0


WARNS = """
import penstock
from penstock import Workflow, task

@task
def write() -> None:
    penstock.context().log.warning("low on ink")

flow = Workflow("warns")
flow.add_task(write)
"""
