"""Messages of simulated workflows on their way to a broker."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import simpy

import penstock
from penstock.app.brokers import close_shared
from penstock.app.publishing import Publisher
from penstock.errors import BrokerClosed
from penstock.simulations import WorkflowRunner
from tests.brokers.small_server import serving
from tests.hearing import hearing
from tests.simulations.conftest import WORKFLOWS, Write


@pytest.fixture
def recorded(project: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The broker that the settings name: a file; what is in it."""
    close_shared()
    monkeypatch.setenv("PENSTOCK_BROKER", f"jsonl:{project / 'messages.jsonl'}")
    yield lambda: [json.loads(line) for line in (project / "messages.jsonl").read_text().splitlines()]
    close_shared()


def test_what_is_published_goes_to_the_broker_that_the_settings_name(project: Path, recorded: Any) -> None:
    with penstock.open(project / "runs.db") as engine:
        found = WorkflowRunner(engine, folder=WORKFLOWS).run(
            "stf_processing", overrides={"physics_duration_min": 1}
        )
    sent = recorded()
    assert [json.loads(each["body"])["msg_type"] for each in sent] == [
        "run_imminent", "start_run", *["stf_gen"] * 29, "end_run",
    ]  # fmt: skip
    assert {each["topic"] for each in sent} == {"epictopic"}
    assert sent[0]["headers"] == {
        "msg_type": "run_imminent",
        "namespace": "penstock",
        "execution_id": found.execution_id,
        "run_id": found.run_id,
    }
    body = json.loads(sent[0]["body"])
    assert (body["state"], body["simulation_tick"]) == ("beam", 0)


def test_so_does_what_is_published_inside_the_callers_process(
    project: Path, recorded: Any, write: Write
) -> None:
    write(
        "w",
        'self.runner.send_message("lab", {"msg_type": "hello"})',
        "yield env.timeout(1)",
        constructor="p, runner, execution_id",
    )
    env = simpy.Environment()
    with penstock.open(project / "runs.db") as engine:
        env.process(WorkflowRunner(engine).run_by_name("w").execute(env))
        env.run()
    (sent,) = recorded()
    assert (sent["topic"], sent["headers"]["msg_type"]) == ("lab", "hello")


def test_they_reach_a_stomp_server_under_topic_also_from_the_command_line(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    close_shared()
    with serving() as server:
        monkeypatch.setenv("PENSTOCK_BROKER", f"stomp://127.0.0.1:{server.port}")
        command = [
            sys.executable,
            "-m",
            "penstock",
            "simulate",
            "stf_processing",
            "--workflows",
            str(WORKFLOWS),
        ]
        done = subprocess.run(
            [*command, "--physics-duration-min", "0.1", "-q"],
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        sent = server.arrived(6)
    assert {each.topic for each in sent} == {"/topic/epictopic"}
    assert [each.headers["msg_type"] for each in sent] == [
        "run_imminent",
        "start_run",
        *["stf_gen"] * 3,
        "end_run",
    ]
    assert {each.headers["execution_id"] for each in sent} == {done.stdout.strip()}
    assert json.loads(sent[-1].body)["total_stf_files"] == 3


class Away:
    """A broker that takes nothing."""

    url = "away:"

    def send(
        self,
        topic: str,
        body: str | bytes,
        headers: Mapping[str, str] | None = None,
        *,
        promised: bool = False,
    ) -> bool:
        if promised:
            raise BrokerClosed("it is closed")
        return False

    def flush(self, seconds: float) -> None: ...
    def health(self) -> dict[str, Any]:
        return {}

    def close(self, seconds: float = 5.0) -> None: ...


def test_a_broker_that_is_away_costs_a_run_nothing_but_its_messages(
    project: Path, caplog: pytest.LogCaptureFixture
) -> None:
    publisher = Publisher(Away())
    with (
        caplog.at_level(logging.WARNING),
        penstock.open(project / "runs.db", observers=[publisher]) as engine,
    ):
        runner = WorkflowRunner(engine, folder=WORKFLOWS)
        assert runner.run("stf_processing", overrides={"physics_duration_min": 1}).status == "completed"
    assert publisher.lost == 32
    (said,) = [each.getMessage() for each in caplog.records if "cannot be sent" in each.getMessage()]
    assert said == "messages cannot be sent to away:: it is closed"


def test_subscribers_of_the_event_bus_hear_of_messages_in_order(project: Path, write: Write) -> None:
    write(
        "w",
        *(f'self.runner.publish("stf_gen", sequence={n})' for n in range(3)),
        "yield env.timeout(1)",
        constructor="p, runner, execution_id",
    )
    with hearing("stf_gen") as heard, penstock.open(project / "runs.db") as engine:
        runner = WorkflowRunner(engine)
        runner.run("w")
        runner.run("w")
        env = simpy.Environment()
        env.run(env.process(runner.run_by_name("w").execute(env)))
    assert [each["sequence"] for each in heard] == [0, 1, 2] * 3
    assert len({each["execution_id"] for each in heard}) == 3
    assert {each["type"] for each in heard} == {"stf_gen"}
