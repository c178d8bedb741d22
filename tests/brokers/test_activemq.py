"""The STOMP broker and listener with Apache ActiveMQ at the other end, and stomp.py as an independent peer."""

from __future__ import annotations

import itertools
import queue
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import stomp

from penstock.brokers.stomp import Server, StompBroker, StompLimits, StompListener
from penstock.ports import Broker, Message
from penstock.testing import BrokerSuite
from penstock.testing.broker_suite import DeliveryPart, EndPart
from tests.brokers.services import ActiveMq, need_activemq
from tests.brokers.small_server import until
from tests.packages import MAY_INSTALL

pytestmark = MAY_INSTALL

LIMITS = StompLimits(timeout=10.0, first_pause=0.02, longest_pause=0.2)
WAIT_SECONDS = 60.0
_numbers = itertools.count(1)


@pytest.fixture(scope="module")
def activemq(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ActiveMq]:
    need_activemq()
    broker = ActiveMq(tmp_path_factory.mktemp("activemq"))
    try:
        broker.start()
        yield broker
    finally:
        broker.stop()


class TestStompBrokerWithActiveMq(DeliveryPart, EndPart):
    """Nothing is away here: tests/brokers/test_stomp.py has what depends on that."""

    @pytest.fixture(autouse=True)
    def _listening(self, activemq: ActiveMq) -> Iterator[None]:
        self.server = activemq.server
        self.listener: StompListener | None = None
        yield
        if self.listener is not None:
            self.listener.close()

    def make_broker(self, folder: Path) -> Broker:
        prefix = f"/topic/suite{next(_numbers)}."
        self.listener = StompListener(self.server, ">", prefix=prefix, limits=LIMITS)
        return StompBroker(self.server, prefix=prefix, limits=LIMITS)

    def received(self, broker: Broker, count: int) -> list[Message]:
        assert self.listener is not None
        found = []
        while len(found) < count and (message := self.listener.receive(WAIT_SECONDS)) is not None:
            found.append(message)
        return found


assert issubclass(BrokerSuite, DeliveryPart)


class Peer(stomp.ConnectionListener):  # type: ignore[misc]
    """stomp.py, subscribed to one destination."""

    def __init__(self, server: Server, destination: str, **how: Any) -> None:
        self.frames: queue.Queue[Any] = queue.Queue()
        self.connection = stomp.Connection12([(server.host, server.port)], auto_decode=False, **how)
        self.connection.set_listener("peer", self)
        self.connection.connect(wait=True)
        self.connection.subscribe(destination, id="1", ack="auto", headers={"receipt": "subscribed"})
        assert self.frames.get(timeout=WAIT_SECONDS).headers["receipt-id"] == "subscribed"

    def on_message(self, frame: Any) -> None:
        self.frames.put(frame)

    def on_receipt(self, frame: Any) -> None:
        self.frames.put(frame)

    def close(self) -> None:
        self.connection.disconnect()


@pytest.fixture
def topic() -> str:
    return f"peers{next(_numbers)}"


def test_an_independent_client_receives_headers_and_body_as_they_were_sent(
    activemq: ActiveMq, topic: str
) -> None:
    headers = {"run_id": "r-1", "path": "C:\\new", "when": "12:30", "lines": "a\nb", "name": "Grüße"}
    peer = Peer(activemq.server, f"/topic/{topic}")
    with StompBroker(activemq.server, limits=LIMITS) as broker:
        broker.send(topic, '{"name": "Grüße, 世界"}', headers)
        broker.send(topic, bytes(range(256)), headers, promised=True)
        broker.flush(WAIT_SECONDS)
    frames = [peer.frames.get(timeout=WAIT_SECONDS) for _ in range(2)]
    peer.close()
    assert [frame.body for frame in frames] == ['{"name": "Grüße, 世界"}'.encode(), bytes(range(256))]
    for frame in frames:
        assert {name: frame.headers.get(name) for name in headers} == headers
    assert "content-length" not in frames[0].headers  # text for those who receive by other protocols
    assert frames[1].headers["content-length"] == "256"


def test_a_listener_hears_what_an_independent_client_sends(activemq: ActiveMq, topic: str) -> None:
    peer = Peer(activemq.server, "/topic/unused")
    with StompListener(activemq.server, topic, limits=LIMITS) as listener:
        peer.connection.send(f"/topic/{topic}", b"\0\1", headers={"a": "b:c\n"}, content_type="x/y")
        heard = listener.receive(WAIT_SECONDS)
        assert listener.receive(0) is None
    peer.close()
    assert heard is not None
    assert (heard.topic, heard.body, heard.headers["a"]) == (topic, b"\0\1", "b:c\n")


def test_many_topics_are_heard_by_one_listener(activemq: ActiveMq, topic: str) -> None:
    names = [f"{topic}.{number}" for number in range(3)]
    with StompListener(activemq.server, *names, limits=LIMITS) as listener:
        with StompBroker(activemq.server, limits=LIMITS) as broker:
            for name in names:
                broker.send(name, name)
        heard = [listener.receive(WAIT_SECONDS) for _ in names]
    assert sorted(message.topic for message in heard if message is not None) == names


def test_heart_beats_keep_an_idle_connection_open(activemq: ActiveMq, topic: str) -> None:
    """Heart-beats of half a second: whoever sent none would be left, by either side, more than once in this time."""
    limits = LIMITS._replace(heart_beat=0.5)
    with StompListener(activemq.server, topic, limits=limits) as listener:
        with StompBroker(activemq.server, limits=limits) as broker:
            broker.send(topic, "1")
            assert listener.receive(WAIT_SECONDS) is not None
            assert listener.receive(2.0) is None
            broker.send(topic, "2")
            broker.flush(WAIT_SECONDS)
            assert broker.health() == broker.health() | {"confirmed": 2, "doubtful": 0, "error": None}
        assert listener.receive(WAIT_SECONDS) is not None


def test_promised_messages_outlast_a_broker_that_is_killed(tmp_path: Path) -> None:
    need_activemq()
    activemq = ActiveMq(tmp_path)
    try:
        activemq.start()
        with StompBroker(activemq.server, prefix="/queue/", limits=LIMITS) as broker:
            for number in range(50):
                broker.send("kept", str(number), promised=True)
            broker.flush(WAIT_SECONDS)
            activemq.kill()
            until(lambda: not broker.health()["connected"])
            for number in range(50, 60):
                broker.send("kept", str(number), promised=True)
            activemq.start()
            broker.flush(WAIT_SECONDS)
            assert broker.health() == broker.health() | {"confirmed": 60, "dropped": 0, "doubtful": 0}
        peer = Peer(activemq.server, "/queue/kept")
        bodies = [int(peer.frames.get(timeout=WAIT_SECONDS).body) for _ in range(60)]
        peer.close()
        assert bodies == list(range(60))
    finally:
        activemq.stop()
