"""What becomes of messages while nobody can be reached."""

from __future__ import annotations

import threading

import pytest

from penstock.errors import BrokerFull, BrokerUnavailable
from penstock.ports import Broker
from penstock.testing.broker_suite.harness import PATIENCE_SECONDS, BrokerPart


class RoomPart(BrokerPart):
    """What becomes of messages while nobody can be reached. `away` has room for four, `cut_off` for none."""

    def test_a_flush_that_reaches_nobody_says_why(self, away: Broker) -> None:
        away.send("orders", "x", promised=True)
        with pytest.raises(BrokerUnavailable, match=r"1 message.* wait"):
            away.flush(0.2)
        assert away.health()["connected"] is False
        assert away.health()["error"]

    def test_with_nothing_sent_there_is_nothing_to_flush(self, away: Broker) -> None:
        away.flush(0)

    def test_what_waits_arrives_in_its_order_when_somebody_can_be_reached(self, away: Broker) -> None:
        for number in range(4):
            assert away.send("orders", str(number), promised=number % 2 == 0)
        assert away.health()["waiting"] == 4
        self.come_back(away)
        away.flush(PATIENCE_SECONDS)
        assert [message.body for message in self.arrived(away, 4)] == ["0", "1", "2", "3"]
        assert away.health()["error"] is None

    def test_the_oldest_gives_way_to_a_new_one(self, away: Broker) -> None:
        assert [away.send("orders", str(number)) for number in range(6)] == [True] * 6
        assert (away.health()["waiting"], away.health()["dropped"]) == (4, 2)
        self.come_back(away)
        away.flush(PATIENCE_SECONDS)
        assert [message.body for message in self.arrived(away, 4)] == ["2", "3", "4", "5"]

    def test_a_promised_one_gives_way_to_none(self, away: Broker) -> None:
        away.send("orders", "promised", promised=True)
        for number in range(5):
            away.send("orders", str(number))
        self.come_back(away)
        away.flush(PATIENCE_SECONDS)
        assert [message.body for message in self.arrived(away, 4)] == ["promised", "2", "3", "4"]

    def test_where_all_is_promised_the_next_is_refused_or_dropped(self, away: Broker) -> None:
        for number in range(4):
            away.send("orders", str(number), promised=True)
        with pytest.raises(BrokerFull, match="orders"):
            away.send("orders", "one too many", promised=True)
        assert away.send("orders", "nor this one") is False
        assert (away.health()["waiting"], away.health()["dropped"]) == (4, 1)

    def test_what_gives_way_fails_the_flush_that_waits_for_it(self, away: Broker) -> None:
        for number in range(4):
            away.send("orders", str(number))
        told: list[BrokerUnavailable] = []

        def flush() -> None:
            try:
                away.flush(PATIENCE_SECONDS)
            except BrokerUnavailable as error:
                told.append(error)

        waiting = threading.Thread(target=flush)
        waiting.start()
        while waiting.is_alive():
            away.send("orders", "newer")
        waiting.join()
        assert "lost" in str(told[0])

    def test_a_close_that_reaches_nobody_ends_and_says_what_did_not_go_out(
        self, away: Broker, caplog: pytest.LogCaptureFixture
    ) -> None:
        away.send("orders", "x", promised=True)
        away.send("orders", "x")
        away.close(0)
        assert "2 messages" in caplog.text
        assert away.url in caplog.text

    # One that keeps nothing has no room then

    def test_without_room_what_is_sent_is_refused_or_dropped_and_counted(self, cut_off: Broker) -> None:
        assert cut_off.send("orders", "x") is False
        with pytest.raises(BrokerFull, match="orders"):
            cut_off.send("orders", "x", promised=True)
        health = cut_off.health()
        assert (health["connected"], health["waiting"], health["confirmed"]) == (False, 0, 0)
        assert health["dropped"] >= 1
        assert health["error"]

    def test_without_room_a_flush_after_a_loss_says_why(self, cut_off: Broker) -> None:
        cut_off.flush(0)
        cut_off.send("orders", "x")
        with pytest.raises(BrokerUnavailable):
            cut_off.flush(0.2)

    def test_without_room_messages_arrive_again_when_somebody_can_be_reached(self, cut_off: Broker) -> None:
        cut_off.send("orders", "lost")
        self.come_back(cut_off)
        assert cut_off.send("orders", "taken", promised=True)
        cut_off.flush(PATIENCE_SECONDS)
        assert [message.body for message in self.arrived(cut_off, 1)] == ["taken"]
        assert cut_off.health()["error"] is None
