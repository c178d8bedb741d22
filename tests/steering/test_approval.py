"""Runs that wait until somebody approves: graphs of tasks and durable functions, by their handles and the command line."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from penstock.app import open_engine
from penstock.errors import Rejected, RunFailed
from penstock.functions import Decision, approval, blocking, step, workflow
from penstock.model import events as e
from penstock.tasks import Workflow
from penstock.testing import Example, ProgramSuite, simulated
from tests.cli.conftest import Cli, cli, document, folder, spawn

__all__ = ["cli", "folder", "spawn"]

YES = {"approved": True, "by": "ada", "comment": "fine"}


def build() -> str:
    return "v2"


def publish(build: str, release: Decision | None = None) -> str:
    return f"{build} {'unasked' if release is None else release.by}"


def releasing(**how: Any) -> Workflow:
    flow = Workflow("releasing")
    flow.add_task(build)
    flow.add_approval("release", depends_on=["build"], **how)
    flow.add_task(publish, depends_on=["build", "release"], trigger="all_done")
    return flow


@workflow
async def asking(timeout: float = 60.0) -> str:
    version = await step(build)()
    try:
        first = await approval(timeout=timeout)
    except Rejected as error:
        return f"{version} stays: {error}"
    second = await approval("board")
    return f"{version} {first.by} {second.by}"


@workflow
def plainly() -> str:
    decision = blocking.approval("board")
    return decision.comment


def test_a_step_waits_for_approval_and_its_value_is_the_decision() -> None:
    with simulated(releasing()) as sim:
        sim.after(3600, lambda run: run.approve("release", by="ada", comment="fine"))
        run = sim.run()
    assert (run.result(), run.seconds) == ("v2 ada", 3600)


def test_a_rejection_fails_the_run_and_says_who_and_why() -> None:
    with simulated(releasing()) as sim:
        sim.after(1, lambda run: run.reject("release", by="bob", comment="not on a Friday"))
        run = sim.run()
    with pytest.raises(RunFailed, match="'release' was rejected by bob: not on a Friday") as failed:
        run.result()
    assert failed.value.failed_step == "release"
    assert isinstance(failed.value.__cause__, Rejected)


def test_a_run_may_go_on_without_an_answer_or_against_one() -> None:
    for order in (lambda run: run.reject("release"), lambda run: None):
        with simulated(releasing(timeout=60, optional=True)) as sim:
            sim.after(1, order)
            assert sim.run().result() == "v2 unasked"


def test_true_and_false_are_decisions_and_nothing_else_is() -> None:
    for sent, outcome in ((True, "completed"), (False, "failed"), ({"ok": True}, "failed")):
        with simulated(releasing()) as sim:
            sim.after(1, lambda run, sent=sent: run.signal("release", sent))  # type: ignore[misc]
            assert sim.run().status == outcome


def test_a_function_asks_and_hears_a_rejection_as_an_exception() -> None:
    with simulated(asking) as sim:
        sim.after(1, lambda run: run.approve(by="ada"))
        sim.after(2, lambda run: run.approve("board", by="bob"))
        assert sim.run().result() == "v2 ada bob"
    with simulated(asking) as sim:
        sim.after(1, lambda run: run.reject(by="ada"))
        no = sim.run()
    assert no.result() == "v2 stays: 'approval' was rejected by ada"
    with simulated(asking) as sim:
        late = sim.run(timeout=5.0)
    with pytest.raises(RunFailed, match="StepTimeout: no signal 'approval' within 5"):
        late.result()


def test_a_function_that_is_not_async_asks_as_well() -> None:
    with simulated(plainly) as sim:
        sim.after(1, lambda run: run.approve("board", comment="go"))
        assert sim.run().result() == "go"


def test_a_run_that_was_rejected_is_asked_anew_when_it_is_done_again(tmp_path: Path) -> None:
    with open_engine(f"sqlite:///{tmp_path}/runs.db", durability="crash") as engine:
        run = engine.start(releasing(), {})
        run.reject("release", by="bob")
        with pytest.raises(RunFailed):
            run.result(20)
        again = engine.rerun(run, definition=releasing())
        again.approve("release", by="bob")
        assert again.result(20) == "v2 bob"
        assert [event.step for _, _, event in again.events() if isinstance(event, e.StepReused)] == ["build"]


APPROVED = """
from penstock import Workflow, task


@task
def build() -> None: ...


@task
def publish(release: object) -> str:
    return f"published by {release.by}"


flow = Workflow("approved")
flow.add_task(build)
flow.add_approval("release", depends_on=["build"])
flow.add_task(publish, depends_on=["release"])
"""


def test_the_command_finds_out_what_is_to_be_approved(cli: Cli, folder: Path) -> None:
    (folder / "approved.py").write_text(APPROVED)
    run = document(cli("submit", "approved.py", "--json"))["run"]
    answered = document(cli("approve", run, "--comment", "ship it", "--by", "ada", "--json"))
    assert answered == {"run": run, "approval": "release", "approved": True, "by": "ada"}
    assert document(cli("worker", "--until-idle", "--json"))["ended"] == 1
    assert document(cli("show", run, "--json"))["result"] == "published by ada"
    assert cli("approve", run).exit_code == 2


def test_of_several_approvals_the_command_wants_one_named(cli: Cli, folder: Path) -> None:
    (folder / "approved.py").write_text(f'{APPROVED}flow.add_approval("board", depends_on=["build"])\n')
    run = document(cli("submit", "approved.py", "--json"))["run"]
    refused = cli("approve", run)
    assert refused.exit_code == 2
    assert "asks for several approvals: name one of release, board" in refused.stderr
    assert document(cli("approve", run, "board", "--by", "ada", "--json"))["approval"] == "board"


def test_a_rejection_by_command_names_its_user_and_fails_the_run(cli: Cli, folder: Path) -> None:
    (folder / "approved.py").write_text(APPROVED)
    run = document(cli("submit", "approved.py", "--json"))["run"]
    said = cli("reject", run, "release", "--comment", "too early")
    assert re.match(rf"run {run}: release is rejected by \w+", said.stdout), said.stdout
    cli("worker", "--until-idle")
    error = document(cli("show", run, "--json"))["error"]
    assert error["message"].startswith("'release' was rejected by ")
    assert error["step"] == "release"


class TestApprovals(ProgramSuite):
    seeds = 12

    def examples(self) -> Mapping[str, Example]:
        board = [("approval", YES), ("board", True)]
        return {
            "graph": Example(releasing().as_program(), signals=[("release", YES)], value="v2 ada"),
            "function": Example(asking.as_program(), {"timeout": 1e9}, signals=board, value="v2 ada "),
        }
