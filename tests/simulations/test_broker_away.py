"""A run that publishes while its broker, a real ActiveMQ, is stopped and started again."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

import penstock
from penstock.app.brokers import close_shared, shared_broker
from penstock.brokers import stomp
from penstock.brokers.stomp import StompLimits
from penstock.simulations import WorkflowRunner
from tests.brokers.services import ActiveMq, need_activemq
from tests.brokers.small_server import until
from tests.brokers.test_activemq import Peer
from tests.packages import MAY_INSTALL

pytestmark = MAY_INSTALL

WAIT_SECONDS = 60.0
BEFORE, AFTER = 398, 3_000
ROOM = 2_000
"""Messages that wait at most. Of more than some 4,000 a server may itself put some aside on disk, and hand them out later."""

CODE = f"""
import time
from pathlib import Path

class WorkflowExecutor:
    def __init__(self, parameters, runner, execution_id):
        self.runner = runner

    def execute(self, env):
        self.runner.publish("run_imminent")
        self.runner.publish("start_run")
        yield from self.frames(env, 0, {BEFORE})
        self.runner.flush()  # what waits would else go with what comes next
        while not Path("go").exists():
            time.sleep(0.01)
        yield from self.frames(env, {BEFORE}, {AFTER // 2})
        self.runner.publish("pause_run")
        self.runner.publish("resume_run")
        yield from self.frames(env, {BEFORE} + {AFTER // 2}, {AFTER // 2})
        self.runner.publish("end_run")

    def frames(self, env, first, count):
        for number in range(first, first + count):
            yield env.timeout(2)
            self.runner.publish("stf_gen", number=number)
"""


@pytest.fixture
def activemq(project: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ActiveMq]:
    need_activemq()
    (project / "activemq").mkdir()
    broker = ActiveMq(project / "activemq")
    monkeypatch.setattr(stomp, "StompLimits", partial(StompLimits, messages=ROOM))
    monkeypatch.setenv("PENSTOCK_BROKER", f"stomp://127.0.0.1:{broker.port}/queue")
    close_shared()
    broker.start()
    yield broker
    close_shared()
    broker.stop()


def test_a_broker_that_stops_midway_slows_no_run_and_what_arrives_is_in_order_and_accounted_for(
    activemq: ActiveMq, project: Path
) -> None:
    (project / "workflows" / "w.py").write_text(CODE)
    with penstock.open(project / "runs.db") as engine:
        runner = WorkflowRunner(engine)
        started = runner.start("w")
        broker = shared_broker()
        assert broker is not None
        first = heard(activemq, BEFORE + 2)
        until(lambda: broker.health()["confirmed"] == BEFORE + 2)

        activemq.stop()
        until(lambda: not broker.health()["connected"])
        (project / "go").touch()
        found = started.wait(WAIT_SECONDS)  # it ends though nobody takes what it publishes
        assert (found.status, found.error_message) == ("completed", None)
        published = [each["msg_type"] for each in runner.executions.messages(found.execution_id)]
        assert published == [
            "run_imminent", "start_run", *["stf_gen"] * (BEFORE + AFTER // 2),
            "pause_run", "resume_run", *["stf_gen"] * (AFTER // 2), "end_run",
        ]  # fmt: skip
        until(lambda: broker.health()["waiting"] == ROOM)
        dropped = len(published) - len(first) - ROOM
        health = broker.health()
        assert (health["connected"], health["dropped"], health["doubtful"]) == (False, dropped, 0)

        activemq.start()
        rest = heard(activemq, ROOM)
        broker.flush(WAIT_SECONDS)
        assert broker.health() == health | {
            "connected": True,
            "waiting": 0,
            "confirmed": len(first) + ROOM,
            "error": None,
        }
    received = [*first, *rest]
    assert [each["msg_type"] for each in received if each["msg_type"] != "stf_gen"] == [
        "run_imminent", "start_run", "pause_run", "resume_run", "end_run",
    ]  # fmt: skip
    frames = [each["number"] for each in received if each["msg_type"] == "stf_gen"]
    assert frames == [*range(BEFORE), *range(BEFORE + dropped, BEFORE + AFTER)]  # the oldest gave way
    lanes = [each["stream_sequence"] for each in received]
    assert lanes == sorted(lanes)


def heard(activemq: ActiveMq, count: int) -> list[dict[str, Any]]:
    """So many messages, by an independent client that then goes."""
    peer = Peer(activemq.server, "/queue/epictopic")
    found = [json.loads(peer.frames.get(timeout=WAIT_SECONDS).body) for _ in range(count)]
    peer.close()
    return found
