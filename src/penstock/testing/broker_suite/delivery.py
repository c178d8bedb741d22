"""What is sent arrives, as it was sent and in its order; what cannot be sent is refused."""

from __future__ import annotations

from typing import Any

import pytest

from penstock.errors import UserError
from penstock.ports import Broker
from penstock.testing.broker_suite.harness import PATIENCE_SECONDS, BrokerPart, in_threads

TEXTS = [
    "",
    "plain",
    '{"run": 7}',
    "two\nlines\r\nand a third",
    "Grüße, 世界 \N{ROCKET}",
    "a:b\\c\\n",
    " blanks ",
]
BYTES = [b"", b"plain", b"\0", b"a\0b\n\n\0", bytes(range(256)), "Grüße".encode("latin-1")]
HEADERS = {
    "run_id": "r1",
    "with-dash": "colon: here",
    "backslash": "C:\\new\\case",
    "lines": "one\ntwo",
    "unicode": "Grüße, 世界",
    "blanks": " both sides ",
    "naïve: name": "1",
}


class DeliveryPart(BrokerPart):
    """What is sent arrives, as it was sent and in its order; what cannot be sent is refused."""

    @pytest.mark.parametrize("promised", [False, True])
    def test_text_arrives_as_it_was_sent(self, broker: Broker, promised: bool) -> None:
        for text in TEXTS:
            assert broker.send("orders", text, promised=promised)
        broker.flush(PATIENCE_SECONDS)
        assert [message.body for message in self.arrived(broker, len(TEXTS))] == TEXTS

    @pytest.mark.parametrize("promised", [False, True])
    def test_bytes_arrive_as_they_were_sent(self, broker: Broker, promised: bool) -> None:
        for data in BYTES:
            assert broker.send("orders", data, promised=promised)
        broker.flush(PATIENCE_SECONDS)
        assert [message.body for message in self.arrived(broker, len(BYTES))] == BYTES

    def test_a_long_body_arrives_whole(self, broker: Broker) -> None:
        long = "äöü\n" * 100_000
        broker.send("orders", long)
        broker.send("orders", long.encode() + b"\0")
        broker.flush(PATIENCE_SECONDS)
        assert [message.body for message in self.arrived(broker, 2)] == [long, long.encode() + b"\0"]

    def test_headers_arrive_as_they_were_sent(self, broker: Broker) -> None:
        broker.send("orders", "x", HEADERS)
        broker.flush(PATIENCE_SECONDS)
        arrived = self.arrived(broker, 1)[0].headers
        assert {name: arrived.get(name) for name in HEADERS} == HEADERS

    def test_what_becomes_of_the_callers_headers_afterwards_does_not_matter(self, broker: Broker) -> None:
        headers = {"n": "1"}
        broker.send("orders", "x", headers)
        headers["n"] = "2"
        broker.flush(PATIENCE_SECONDS)
        assert self.arrived(broker, 1)[0].headers["n"] == "1"

    def test_each_message_arrives_under_its_topic(self, broker: Broker) -> None:
        topics = ["orders", "orders.new", "Runs_of-2026"]
        for topic in topics:
            broker.send(topic, topic)
        broker.flush(PATIENCE_SECONDS)
        arrived = self.arrived(broker, len(topics))
        assert {(message.topic, message.body) for message in arrived} == {(each, each) for each in topics}

    def test_messages_arrive_in_the_order_of_sending_promised_or_not(self, broker: Broker) -> None:
        for number in range(500):
            broker.send("orders", str(number), promised=number % 3 == 0)
        broker.flush(PATIENCE_SECONDS)
        assert [int(message.body) for message in self.arrived(broker, 500)] == list(range(500))

    def test_many_threads_may_send_and_each_ones_order_is_kept(self, broker: Broker) -> None:
        in_threads(4, lambda thread: [broker.send("orders", f"{thread}:{n}") for n in range(100)])
        broker.flush(PATIENCE_SECONDS)
        arrived = [str(message.body).split(":") for message in self.arrived(broker, 400)]
        for thread in range(4):
            assert [int(n) for who, n in arrived if int(who) == thread] == list(range(100))

    def test_what_was_flushed_is_counted_as_confirmed(self, broker: Broker) -> None:
        for _ in range(3):
            broker.send("orders", "x")
        broker.flush(PATIENCE_SECONDS)
        health = broker.health()
        assert {
            name: health[name] for name in ("waiting", "confirmed", "dropped", "doubtful", "refused")
        } == {
            "waiting": 0,
            "confirmed": 3,
            "dropped": 0,
            "doubtful": 0,
            "refused": 0,
        }
        assert health["connected"] is True
        assert health["error"] is None

    @pytest.mark.parametrize("topic", ["", "two\nlines", "nul\0", None, 7])
    def test_a_topic_is_a_line_of_text(self, broker: Broker, topic: Any) -> None:
        with pytest.raises(UserError, match="topic"):
            broker.send(topic, "x")

    @pytest.mark.parametrize("body", [None, 7, {"a": 1}, "nul\0", "half a pair \ud800"])
    def test_a_body_is_text_or_bytes(self, broker: Broker, body: Any) -> None:
        with pytest.raises(UserError, match="body"):
            broker.send("orders", body)

    @pytest.mark.parametrize("headers", [{"n": 1}, {1: "n"}, {"n": "a\0b"}, {"": "n"}, {"n": "\ud800"}])
    def test_headers_are_text(self, broker: Broker, headers: Any) -> None:
        with pytest.raises(UserError, match="header"):
            broker.send("orders", "x", headers)

    def test_of_what_was_refused_nothing_is_sent(self, broker: Broker) -> None:
        with pytest.raises(UserError):
            broker.send("", "refused")
        broker.send("orders", "taken")
        broker.flush(PATIENCE_SECONDS)
        assert [message.body for message in self.arrived(broker, 1)] == ["taken"]
        assert broker.health()["confirmed"] == 1
