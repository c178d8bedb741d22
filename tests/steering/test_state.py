"""How a run stood as of any event: folded against its code, or from the events alone."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from penstock import task
from penstock.app import open_engine
from penstock.app.standing import Standing, standing_of
from penstock.functions import sleep, step, wait_for_signal, workflow
from penstock.model import events as e
from penstock.model.outline import graph_of
from penstock.tasks import Workflow
from tests.cli.conftest import Cli, cli, document, folder

__all__ = ["cli", "folder"]

Log = list[tuple[int, float, e.Event]]


def load() -> list[int]:
    return [1, 2, 3]


def square(number: int) -> int:
    return number**2


def total(square: list[int]) -> int:
    return sum(square)


def flow() -> Workflow:
    made = Workflow("standing")
    made.add_task(load)
    made.add_task(task(square).map(number="load"))
    made.add_task(total, depends_on=["square"])
    return made


def at(log: Log, definition: Any, sequence: int) -> Standing:
    return standing_of("r", log[:sequence], definition.as_program(), graph_of(definition))


def statuses(standing: Standing) -> dict[str, str]:
    return {name: step.status for name, step in standing.steps.items()}


def log_of(definition: Any, folder: Path, **inputs: Any) -> Log:
    with open_engine(f"sqlite:///{folder}/runs.db", durability="crash") as engine:
        return engine.run(definition, inputs).events()


def test_every_event_has_its_state(tmp_path: Path) -> None:
    log = log_of(flow(), tmp_path)
    first = at(log, flow(), 1)
    assert statuses(first) == {"load": "ready", "square": "waiting", "total": "waiting"}
    assert [step.asked for step in first.steps.values()] == [True, False, False]
    assert first.steps["total"].upstream == ("square",)
    loaded = at(log, flow(), 3)
    assert loaded.steps["load"].value == [1, 2, 3]
    assert statuses(loaded)["square"] == "ready"
    done = next(
        n for n, (_, _, event) in enumerate(log, 1) if isinstance(event, e.StepDone) and event.item == 0
    )
    assert at(log, flow(), done).steps["square"].items["completed"] == 1
    last = at(log, flow(), len(log))
    assert (last.status, statuses(last)) == (
        "completed",
        dict.fromkeys(("load", "square", "total"), "completed"),
    )
    assert last.steps["square"].value == [1, 4, 9]


def test_the_state_of_the_beginning_does_not_know_what_came_later(tmp_path: Path) -> None:
    log = log_of(flow(), tmp_path)
    log[-1:] = [(len(log), log[-1][1], e.Paused("lunch")), (len(log) + 1, log[-1][1], e.Resumed())]
    assert at(log, flow(), len(log) - 1).reason == "lunch"
    assert at(log, flow(), len(log)).status == "running"
    assert at(log, flow(), len(log) - 2).status == "running"


def test_without_code_the_events_tell_what_they_know(tmp_path: Path) -> None:
    log = log_of(flow(), tmp_path)
    alone = standing_of("r", log[:3])
    assert (alone.folded, statuses(alone)) == (False, {"load": "completed"})


def test_code_that_does_not_fit_is_told(tmp_path: Path) -> None:
    log = log_of(flow(), tmp_path)
    other = Workflow("standing")
    other.add_task(total)
    found = standing_of("r", log, other.as_program())
    assert not found.folded
    assert "did not ask for" in found.misfit
    assert statuses(found)["load"] == "completed"


def test_a_function_is_known_by_what_it_waits_for() -> None:
    @workflow
    async def waits() -> None:
        await step(load)()
        await sleep(60)
        await wait_for_signal("go", timeout=30)

    log: Log = [
        (1, 100.0, e.RunStarted("waits", "", {})),
        (2, 100.0, e.StepStarted("load")),
        (3, 100.0, e.StepDone("load", None, [1])),
        (4, 160.0, e.StepDone("sleep", None, None)),
    ]
    nap = standing_of("r", log[:3], waits.as_program()).steps["sleep"]
    assert (nap.status, nap.waits, nap.due) == ("waiting", "timer", 160.0)
    asked = standing_of("r", log, waits.as_program()).steps["signal go"]
    assert (asked.waits, asked.signal, asked.due) == ("signal", "go", 190.0)


def test_the_command_tells_of_any_event(cli: Cli, folder: Path) -> None:
    cli("run", "greetings.py", "--count", "2", "-q")
    told = document(cli("state", "latest", "--at", "3", "--json"))
    assert (told["sequence"], told["status"], told["code"]) == (3, "running", True)
    assert [(step["step"], step["status"], step["value"]) for step in told["steps"]] == [
        ("names", "completed", ["Ada", "Grace"]),
        ("greet", "ready", None),
        ("letter", "waiting", None),
    ]
    shown = cli("state", "latest", "--at", "1").stdout
    assert "as of event 1 of " in shown
    assert "for names" in shown
    assert "completed" in cli("state", "latest").stdout
    refused = cli("state", "latest", "--at", "99")
    assert (refused.exit_code, "--at 99 is none of them" in refused.stderr) == (2, True)
    (folder / "greetings.py").unlink()
    sys.modules.pop("greetings")
    assert "from the events alone" in cli("state", "latest").stdout


def test_the_command_says_why_a_run_does_not_go_on(cli: Cli) -> None:
    run = document(cli("submit", "greetings.py", "--json"))["run"]
    shown = cli("why", run).stdout.splitlines()
    assert "no worker takes runs of queue default: penstock worker" in shown[2]
    told = document(cli("why", run, "letter", "--json"))
    assert [cause["kind"] for cause in told["causes"]] == ["no_worker", "in_queue", "upstream_not_done"]
    assert told["causes"][-1]["steps"] == ["greet"]
    cli("worker", "--until-idle")
    assert [cause["kind"] for cause in document(cli("why", run, "--json"))["causes"]] == ["finished"]
    assert cli("why", run, "leter").exit_code == 2
