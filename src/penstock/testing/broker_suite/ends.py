"""Closing a broker, and what it tells."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from penstock.errors import BrokerClosed
from penstock.ports import Broker
from penstock.testing.broker_suite.harness import PATIENCE_SECONDS, BrokerPart, wait_until

FIGURES = {"connected", "waiting", "confirmed", "dropped", "doubtful", "refused", "error"}


class EndPart(BrokerPart):
    """Closing a broker, and what it tells."""

    def test_close_sends_what_waits(self, broker: Broker) -> None:
        for number in range(100):
            broker.send("orders", str(number), promised=number % 2 == 0)
        broker.close(PATIENCE_SECONDS)
        assert [message.body for message in self.arrived(broker, 100)] == [str(n) for n in range(100)]

    def test_close_leaves_no_thread(self, tmp_path: Path) -> None:
        before = set(threading.enumerate())
        broker = self.make_broker(tmp_path)
        meanwhile = set(threading.enumerate()) - before  # those who listen for the suite
        broker.send("orders", "x")
        broker.close(PATIENCE_SECONDS)
        wait_until(lambda: set(threading.enumerate()) - meanwhile <= before)

    def test_no_thread_holds_the_process_open(self, broker: Broker) -> None:
        before = set(threading.enumerate())
        broker.send("orders", "x")
        assert all(thread.daemon for thread in set(threading.enumerate()) - before)

    def test_close_can_be_called_twice(self, broker: Broker) -> None:
        broker.send("orders", "x")
        broker.close()
        broker.close()

    def test_a_broker_that_sent_nothing_can_be_flushed_and_closed(self, broker: Broker) -> None:
        broker.flush(PATIENCE_SECONDS)
        broker.close(0)

    def test_a_closed_broker_takes_nothing(self, broker: Broker) -> None:
        broker.close()
        with pytest.raises(BrokerClosed, match="closed"):
            broker.send("orders", "x")
        with pytest.raises(BrokerClosed, match="closed"):
            broker.flush(0)

    def test_a_closed_broker_still_has_its_figures(self, broker: Broker) -> None:
        broker.send("orders", "x")
        broker.close(PATIENCE_SECONDS)
        health = broker.health()
        assert health.keys() >= FIGURES
        assert (health["confirmed"], health["connected"]) == (1, False)

    def test_no_secret_is_shown(self, broker: Broker, caplog: pytest.LogCaptureFixture) -> None:
        broker.send("orders", "x")
        broker.flush(PATIENCE_SECONDS)
        broker.close()
        shown = f"{broker.url} {broker!r} {broker.health()} {caplog.text}"
        assert not [secret for secret in self.secrets if secret in shown]
