"""`penstock run`: inputs from options, what is printed, what is answered in JSON, how it ends."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from tests.cli.conftest import Cli, document


def run_id(result: Result) -> str:
    found = re.search(r"run ([0-9a-f]{16})", result.output)
    assert found is not None, result.output
    return found[1]


def test_a_run_says_its_id_its_steps_its_result_and_what_to_type_next(cli: Cli) -> None:
    result = cli("run", "greetings.py")
    assert result.exit_code == 0
    short = run_id(result)[:8]
    assert result.output.splitlines()[0] == f"greetings  run {run_id(result)}"
    assert re.search(r"✓ greet  3 items in ", result.output)
    assert "result   Hello, Ada! Hello, Grace! Hello, Edsger!" in result.output
    assert f"penstock show {short}" in result.output
    assert f"penstock logs {short}  3 lines" in result.output


def test_inputs_are_options_converted_by_their_types(cli: Cli) -> None:
    result = cli("run", "greetings.py", "--count", "1", "--polite", "-q")
    assert (result.exit_code, result.stdout) == (0, "Good day, Ada.\n")


def test_help_after_a_file_shows_the_inputs_of_its_workflow(cli: Cli) -> None:
    result = cli("run", "greetings.py", "--help")
    assert result.exit_code == 0
    assert "Usage: penstock run greetings.py [INPUTS] [OPTIONS]" in result.output
    assert "Inputs of workflow greetings:" in result.output
    assert re.search(r"--count INTEGER +\[default: 3]", result.output)
    assert re.search(r"--polite / --no-polite +\[default: False]", result.output)


TYPES = """
from pathlib import Path
from penstock import Workflow, task

@task
def take(text: str, whole: int, share: float, out: Path, names: list[str], table: dict[str, int], maybe: int | None = None,
         key: str = "none") -> dict:
    return {"text": text, "whole": whole, "share": share, "out": type(out).__name__, "names": names, "table": table,
            "maybe": maybe, "key": key}

flow = Workflow("types")
flow.add_task(take)
"""


LISTS = """
from penstock import Workflow, task

@task
def take(numbers: list[int]) -> list[int]:
    return numbers

flow = Workflow("lists")
flow.add_task(take)
"""


def taken(cli: Cli, *options: str) -> Any:
    Path("types_of_all_kinds.py").write_text(TYPES)
    wanted = [
        "--text",
        "5",
        "--whole",
        "5",
        "--share",
        "5",
        "--out",
        "x",
        "--names",
        "a",
        "--table",
        '{"a": 1}',
    ]
    return document(cli("run", "types_of_all_kinds.py", *wanted, *options, "--json"))["result"]


def test_text_stays_text_and_everything_else_is_converted(cli: Cli) -> None:
    result = taken(cli)
    assert (result["text"], result["whole"], result["share"]) == ("5", 5, 5.0)
    assert (result["out"], result["names"], result["table"]) == ("PosixPath", ["a"], {"a": 1})
    assert result["maybe"] is None


def test_a_list_is_given_by_repeating_its_option_or_as_json(cli: Cli) -> None:
    assert taken(cli, "--names", "b")["names"] == ["a", "b"]
    Path("lists.py").write_text(LISTS)
    assert document(cli("run", "lists.py", "--numbers", "[3, 4]", "--json"))["result"] == [3, 4]
    assert document(cli("run", "lists.py", "--numbers", "3", "--numbers", "4", "--json"))["result"] == [3, 4]


def test_an_input_named_like_an_option_of_ours_is_given_by_pair(cli: Cli) -> None:
    assert taken(cli, "--input", "key=mine", "--maybe", "7") == taken(cli) | {"key": "mine", "maybe": 7}


def test_json_is_one_document_and_nothing_else(cli: Cli) -> None:
    found = document(cli("run", "greetings.py", "--count", "2", "--json"))
    assert found["status"] == "completed"
    assert found["result"] == "Hello, Ada! Hello, Grace!"
    assert [step["step"] for step in found["steps"]] == ["names", "greet", "letter"]
    assert found["steps"][1]["items"] == {"done": 2, "failed": 0, "running": 0, "total": 2}


def test_what_a_file_prints_while_it_is_loaded_stays_out_of_json(cli: Cli) -> None:
    Path("noisy.py").write_text('print("loading")\n' + Path("greetings.py").read_text())
    result = cli("run", "noisy.py", "--json")
    assert json.loads(result.stdout)["status"] == "completed"
    assert "loading" in result.stderr


def test_prints_of_steps_are_kept_and_shown_only_when_asked_for(cli: Cli) -> None:
    assert "greeting Ada" not in cli("run", "greetings.py").output
    assert "  greet[0] | greeting Ada" in cli("run", "greetings.py", "-v").output


def test_a_failed_run_shows_the_steps_own_frames_and_how_to_go_on(cli: Cli) -> None:
    result = cli("run", "mendable.py")
    assert result.exit_code == 1
    assert "✗ failed" in result.output
    assert "step divide" in result.output
    assert re.search(r"\n  mendable.py:\d+, in divide\n", result.output)
    assert "  ZeroDivisionError: division by zero\n" in result.output
    assert f"mend, then   penstock resume {run_id(result)[:8]}" in result.output
    assert "site-packages" not in result.output
    assert "Traceback" not in result.output


def test_a_failed_run_in_json_has_its_error_and_the_command_to_resume(cli: Cli) -> None:
    result = cli("run", "mendable.py", "--json")
    assert result.exit_code == 1
    found = json.loads(result.stdout)
    assert found["error"]["type"] == "ZeroDivisionError"
    assert found["error"]["step"] == "divide"
    assert found["resume"] == f"penstock resume {found['run'][:8]}"


def test_the_same_key_is_the_same_run(cli: Cli) -> None:
    first = cli("run", "greetings.py", "--key", "monday")
    again = cli("run", "greetings.py", "--key", "monday")
    assert run_id(first) == run_id(again)
    assert "had ended before: nothing was run" in again.output
    assert "result   Hello, Ada!" in again.output


def test_tags_mark_a_run(cli: Cli) -> None:
    cli("run", "greetings.py", "--tag", "team=north", "--tag", "try=2")
    assert document(cli("runs", "--json"))[0]["tags"] == {"team": "north", "try": "2"}


def test_a_runs_time_may_be_limited(cli: Cli) -> None:
    result = cli("run", "gated.py", "--timeout", "0.2")
    assert result.exit_code == 1
    assert "StepTimeout" in result.output


def test_a_store_of_ones_own_is_named_in_the_commands_to_type_next(cli: Cli, folder: Path) -> None:
    result = cli("run", "greetings.py", "--store", "other place.db")
    assert f"penstock show {run_id(result)[:8]} --store 'other place.db'" in result.output
    assert document(cli("runs", "--json")) == []
    assert len(document(cli("runs", "--json", "--store", "other place.db"))) == 1


def test_a_store_that_keeps_nothing_promises_nothing(cli: Cli) -> None:
    result = cli("run", "greetings.py", "--store", "ephemeral")
    assert result.exit_code == 0
    assert "penstock show" not in result.output


@pytest.mark.parametrize("durability", ["power", "crash"])
def test_durability_is_chosen_by_name(cli: Cli, durability: str) -> None:
    assert cli("run", "greetings.py", "--durability", durability).exit_code == 0


def test_a_quiet_run_that_fails_says_why_on_stderr(cli: Cli) -> None:
    result = cli("run", "mendable.py", "-q")
    assert (result.exit_code, result.stdout) == (1, "")
    assert "ZeroDivisionError" in result.stderr


def test_colours_are_there_only_where_they_are_wanted(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "\x1b[" not in cli("run", "greetings.py").output
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert "\x1b[32m✓" in cli("run", "greetings.py").output
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b[" not in cli("run", "greetings.py").output
