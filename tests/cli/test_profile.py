"""`--profile`: the slowest steps and the critical path are named, of a run that just ended and of one from before."""

from __future__ import annotations

import json
import signal
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Cli, Spawned, document, lines
from tests.cli.waiting import until_in

CENSUS = Path(__file__).resolve().parents[2] / "examples" / "census.py"

BRANCHES = """
import time

from penstock import Workflow, task


@task
def begin() -> int:
    return 0


@task
def slow(begin: int) -> None:
    time.sleep(0.45)


@task
def after_slow(slow: None) -> None:
    time.sleep(0.05)


@task
def quick(begin: int) -> None:
    time.sleep(0.01)


@task
def after_quick(quick: None) -> None:
    time.sleep(0.25)


@task
def end(after_slow: None, after_quick: None) -> str:
    return "done"


flow = Workflow("branches")
flow.add_task(begin)
flow.add_task(slow, depends_on=["begin"])
flow.add_task(quick, depends_on=["begin"])
flow.add_task(after_slow, depends_on=["slow"])
flow.add_task(after_quick, depends_on=["quick"])
flow.add_task(end, depends_on=["after_slow", "after_quick"])
"""

CRITICAL = ["begin", "slow", "after_slow", "end"]


@pytest.fixture
def branches(folder: Path) -> Path:
    """A workflow of two branches whose lengths are known."""
    file = folder / "branches.py"
    file.write_text(BRANCHES, encoding="utf-8")
    return file


@pytest.mark.parametrize("executor", ["inline", "threads"])
def test_the_slower_branch_is_the_critical_path_side_by_side_or_one_by_one(
    cli: Cli, branches: Path, executor: str
) -> None:
    found = document(cli("run", "branches.py", "--profile", "--json", "--executor", executor))["profile"]
    assert found["slowest"][:2] == ["slow", "after_quick"]
    assert found["critical_path"] == CRITICAL
    assert found["in_steps"] + found["waiting"] + found["outside"] == pytest.approx(found["seconds"])


def test_the_table_has_the_slowest_first_and_marks_the_critical_ones(cli: Cli, branches: Path) -> None:
    result = cli("run", "branches.py", "--profile")
    rows = result.stdout.partition("SLOWEST")[2].splitlines()[1:7]
    assert [row.split()[0] for row in rows[:2]] == ["*", "after_quick"]
    assert {row.split()[1] for row in rows if row.startswith("*")} == set(CRITICAL)
    assert "begin → slow → after_slow → end" in result.stdout


def test_a_past_run_is_profiled_by_its_log_and_the_code_it_was_started_from(cli: Cli, branches: Path) -> None:
    ran = document(cli("run", "branches.py", "--profile", "--json"))["profile"]
    assert document(cli("show", "latest", "--profile", "--json"))["profile"] == ran


def test_without_the_code_there_are_times_and_the_reason(cli: Cli, branches: Path, spawn: Any) -> None:
    assert spawn("run", "branches.py").ended()[0] == 0
    branches.unlink()
    result = cli("show", "latest", "--profile")
    assert result.exit_code == 0
    assert "not known: the run's code is not where it was, or cannot be loaded" in result.stdout
    found = document(cli("show", "latest", "--profile", "--json"))["profile"]
    assert (found["critical_path"], found["slowest"][0]) == (None, "slow")


def test_with_other_steps_in_the_code_there_are_times_and_the_reason(
    cli: Cli, branches: Path, spawn: Callable[..., Spawned]
) -> None:
    assert spawn("run", "branches.py").ended()[0] == 0
    branches.write_text(BRANCHES + 'flow.add_task(lambda: 1, name="more")\n')
    assert (
        "not known: the workflow's steps are not the same any more"
        in cli("show", "latest", "--profile").stdout
    )


def test_a_run_that_is_resumed_is_profiled_whole(cli: Cli) -> None:
    cli("run", "mendable.py")
    Path("mended").write_text("four")
    found = document(cli("resume", "latest", "--profile", "--json"))["profile"]
    assert {step["step"]: step["attempts"] for step in found["steps"]} == {"before": 1, "divide": 2}
    assert found["critical_path"] == ["before", "divide"]
    assert found["away"] > 0


def test_a_failed_run_is_profiled_and_still_fails(cli: Cli) -> None:
    result = cli("run", "mendable.py", "--profile")
    assert result.exit_code == 1
    assert "before → divide" in result.stdout.partition("critical")[2]


def test_a_run_that_is_interrupted_is_profiled_as_far_as_it_came(
    folder: Path, spawn: Callable[..., Spawned]
) -> None:
    (folder / "first").touch()
    running = spawn("run", "gated.py", "--profile", "--json")
    until_in(folder, "second")
    running.process.send_signal(signal.SIGINT)
    code, out, _ = running.ended()
    assert code == 130
    found = json.loads(out)["profile"]
    assert [step["step"] for step in found["steps"]] == ["first", "second"]
    assert found["critical_path"] == ["first", "second"]


def test_a_run_that_had_ended_says_where_to_look(cli: Cli) -> None:
    cli("run", "greetings.py")
    result = cli("resume", "latest", "--profile")
    assert "not known: the run had ended before; see penstock show " in result.stdout


def test_items_of_a_map_are_summed_up(cli: Cli) -> None:
    found = document(cli("run", "greetings.py", "--profile", "--json", "--store", "ephemeral"))["profile"]
    (greet,) = (step for step in found["steps"] if step["step"] == "greet")
    items = greet["items"]
    assert (items["number"], items["slowest"] in range(3)) == (3, True)
    assert items["mean"] * 3 == pytest.approx(items["seconds"])
    assert items["slowest_seconds"] >= items["mean"]


def test_a_quiet_run_keeps_its_profile_out_of_its_result(cli: Cli) -> None:
    result = cli("run", "greetings.py", "--count", "1", "-q", "--profile")
    assert result.stdout == "Hello, Ada!\n"
    assert "SLOWEST" in result.stderr


def test_of_the_census_it_names_the_slowest_and_the_only_chain_there_is(
    cli: Cli, spawn: Callable[..., Spawned]
) -> None:
    code, out, err = spawn("run", str(CENSUS), "--limit", "8", "--profile", "--json").ended()
    assert code == 0, err
    found = json.loads(out)["profile"]
    assert found["critical_path"] == ["find_modules", "measure", "join", "report"]
    busy = busy_by_step(lines(cli("events", "latest", "--json")))
    assert found["slowest"] == sorted(busy, key=lambda step: -busy[step])


def busy_by_step(events: list[dict[str, Any]]) -> dict[str, float]:
    """Seconds of each step by the plainest means: the times of its ends less those of its starts."""
    busy: dict[str, float] = defaultdict(float)
    for event in events:
        if event["kind"] in ("step_started", "step_done"):
            busy[event["step"]] += event["at"] * (1 if event["kind"] == "step_done" else -1)
    return busy
