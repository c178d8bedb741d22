"""What differs between two runs: only that, from their logs alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from penstock.app import comparing
from penstock.app.comparing import Comparison, Inside, StepDifference, compare
from penstock.model import events as e
from penstock.model.failure import Failure
from tests.cli.conftest import Cli, cli, document, folder

__all__ = ["cli", "folder"]

Log = list[tuple[int, float, e.Event]]


def log_of(*events: e.Event | float, input: Any = None, **started: Any) -> Log:
    """A log; a number sets the clock."""
    log: Log = [(1, 0.0, e.RunStarted("flow", "v", {} if input is None else input, **started))]
    now = 0.0
    for event in events:
        if isinstance(event, float):
            now = event
        else:
            log.append((len(log) + 1, now, event))
    return log


def ran(step: str, value: Any, item: int | None = None, attempt: int = 1) -> list[e.Event]:
    return [e.StepStarted(step, item, attempt), e.StepDone(step, item, value)]


def compared(one: Log, other: Log) -> Comparison:
    return compare(("a", "b"), one, other, lambda value: value)


def test_of_two_equal_runs_nothing_differs_though_one_reused_what_the_other_ran() -> None:
    one = log_of(*ran("load", 1), e.RunDone(1))
    other = log_of(e.StepReused("load", 1, "a"), 0.05, e.RunDone(1))
    assert compared(one, other).same


def test_inputs_signals_tags_and_results_are_told_by_their_places() -> None:
    one = log_of(
        e.Signalled("go", [1]), e.RunDone({"rows": [1, 2, 3]}), input={"a": 1, "b": 2}, tags={"x": "1"}
    )
    other = log_of(
        e.Signalled("go", [2]), e.RunDone({"rows": [1, 5, 3, 4]}), input={"a": 1, "c": 2}, tags={"x": "2"}
    )
    found = compared(one, other)
    assert found.inputs == (Inside("b", (2, "(nothing)")), Inside("c", ("(nothing)", 2)))
    assert found.signals == (Inside("[0][1][0]", (1, 2)),)
    assert found.tags == (Inside("x", ("1", "2")),)
    assert found.result == (Inside("rows[1]", (2, 5)), Inside("rows[3]", ("(nothing)", 4)))


def test_code_is_told_by_its_hash_and_its_structure() -> None:
    one = log_of(e.RunDone(1), source={"file": "f.py", "hash": "11"})
    other = log_of(e.RunDone(1), source={"file": "f.py", "hash": "22"})
    assert compared(one, other).code == {"hash": ("11", "22")}


def test_steps_are_told_by_status_error_attempts_and_time() -> None:
    again = Failure("builtins.OSError", "no", "error")
    one = log_of(*ran("a", 1), *ran("b", 1), *ran("only", 1))
    other = log_of(
        e.StepStarted("a"),
        e.StepFailed("a", None, 1, again, 1.0),
        1.0,
        *ran("a", 1, attempt=2)[:1],
        2.0,
        *ran("a", 1)[1:],
        e.StepStarted("b"),
        e.StepFailed("b", None, 1, again),
    )
    found = compared(one, other)
    assert found.steps == (
        StepDifference("a", error=(None, "OSError: no"), attempts=(1, 2), seconds=(0.0, 1.0)),
        StepDifference(
            "b", status=("completed", "failed"), values=(Inside("", (1, None)),), error=(None, "OSError: no")
        ),
        StepDifference("only", only_in="a"),
    )
    assert found.seconds == (0.0, 2.0)


def test_a_map_is_compared_item_by_item_also_with_one_that_was_reused() -> None:
    one = log_of(*ran("m", 1, 0), *ran("m", 2, 1), *ran("m", 3, 2))
    other = log_of(e.StepReused("m", [1, 9, 3], "a", edited=True))
    assert compared(one, other).steps == (StepDifference("m", values=(Inside("[1]", (2, 9)),)),)


def test_a_little_time_more_or_less_is_no_difference() -> None:
    assert compared(log_of(1.0, e.RunDone(1)), log_of(1.4, e.RunDone(1))).same
    assert compared(log_of(0.01, e.RunDone(1)), log_of(0.09, e.RunDone(1))).same
    assert compared(log_of(1.0, e.RunDone(1)), log_of(1.6, e.RunDone(1))).seconds == (1.0, 1.6)


def test_the_command_shows_what_an_edited_value_changed_and_no_more(
    cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(comparing, "SECONDS", 3_600.0)  # a machine may be slow at times
    run = document(cli("run", "greetings.py", "--json"))["run"]
    fork = document(cli("fork", run, "--set", 'greet.output=["Hi!"]', "--json"))["run"]
    shown = cli("diff", run, fork).stdout.splitlines()
    assert shown[0] == f"greetings  {run} → {fork}"
    assert [" ".join(line.split()) for line in shown[2:]] == [
        "result Hello, Ada! Hello, Grace! Hello, Edsger! → Hi!",
        "step greet [0] Hello, Ada! → Hi!",
        "step greet [1] Hello, Grace! → (nothing)",
        "step greet [2] Hello, Edsger! → (nothing)",
        "step letter value Hello, Ada! Hello, Grace! Hello, Edsger! → Hi!",
    ]
    told = document(cli("diff", run, fork, "--json"))
    assert [step["step"] for step in told["steps"]] == ["greet", "letter"]
    assert (told["same"], told["inputs"], told["code"]) == (False, [], {})
    again = document(cli("fork", fork, "--from", "letter", "--json"))["run"]
    assert "nothing differs" in cli("diff", again).stdout  # with what it was made of
    assert document(cli("diff", fork, again, "--json"))["same"]


def test_what_changed_in_the_file_is_told(cli: Cli, folder: Path) -> None:
    run = document(cli("run", "greetings.py", "--json"))["run"]
    file = folder / "greetings.py"
    file.write_text(file.read_text().replace("Hello", "Hey"))
    import sys

    sys.modules.pop("greetings", None)
    fork = document(cli("fork", run, "--from", "greet", "--json"))["run"]
    told = document(cli("diff", run, fork, "--json"))
    assert list(told["code"]) == ["hash"]
    assert [step["step"] for step in told["steps"]] == ["greet", "letter"]


@pytest.mark.parametrize("words", [["latest"], ["latest", "ffff"], ["latest"] * 3])
def test_two_runs_are_needed_that_are_there(cli: Cli, words: list[str]) -> None:
    cli("run", "greetings.py", "-q")
    assert cli("diff", *words).exit_code == 2
