"""The conversation as a machine: times are handed in, nothing waits."""

from __future__ import annotations

import pytest

from penstock.brokers.stomp.frames import Frame, encode
from penstock.brokers.stomp.places import Server, StompLimits
from penstock.brokers.stomp.session import NEVER, Refusal, Session
from penstock.errors import BrokerError, BrokerUnavailable

SERVER = Server("mq", 1, "me", "tops3cret")


def session(ours: float = 10.0, theirs: str | None = None, *, beats: bool = True) -> Session:
    found = Session(SERVER, StompLimits(heart_beat=ours), 100.0, beats=beats)
    if theirs is not None:
        assert found.came(greeting(theirs), 100.0) == []
        assert found.connected
    return found


def greeting(heart_beat: str) -> bytes:
    return encode(Frame("CONNECTED", {"version": "1.2", "heart-beat": heart_beat}))


def test_the_greeting_says_who_asks_and_how_often_we_beat() -> None:
    assert session(1.5).hello() == (
        b"CONNECT\naccept-version:1.2\nhost:mq\nheart-beat:1500,1500\nlogin:me\npasscode:tops3cret\n\n\0"
    )
    assert b"heart-beat:0,1500\n" in session(1.5, beats=False).hello()


@pytest.mark.parametrize(
    ("ours", "theirs", "send", "hear"),
    [
        (10.0, "0,0", NEVER, NEVER),
        (10.0, "5000,20000", 16.0, 20.0),
        (10.0, "20000,5000", 8.0, 40.0),
        (0.0, "5000,5000", NEVER, NEVER),
        (10.0, "0,5000", 8.0, NEVER),
        (10.0, "5000,0", NEVER, 20.0),
    ],
)
def test_heart_beats_are_as_often_as_both_agree(ours: float, theirs: str, send: float, hear: float) -> None:
    """We send a little earlier than agreed, and wait for twice as long as agreed."""
    found = session(ours, theirs)
    assert found.next_at == pytest.approx(100.0 + min(send, hear + 0.001))
    if send != NEVER:
        assert (found.beat(100.0 + send - 0.1), found.beat(100.0 + send)) == (b"", b"\n")
    if hear != NEVER:
        found.beat(100.0 + hear)
        with pytest.raises(BrokerUnavailable, match="was silent for"):
            found.beat(100.0 + hear + 0.1)


def test_whatever_comes_is_a_sign_of_life_and_whatever_goes_is_one() -> None:
    found = session(10.0, "10000,10000")
    found.wrote(107.0)
    found.came(b"\n", 119.0)
    assert found.beat(114.0) == b""
    assert found.beat(115.0) == b"\n"
    assert found.beat(138.9) == b"\n"
    with pytest.raises(BrokerUnavailable):
        found.beat(139.1)


def test_a_server_that_says_nothing_of_heart_beats_has_none() -> None:
    found = session()
    found.came(encode(Frame("CONNECTED", {"version": "1.2"})), 100.0)
    assert (found.connected, found.next_at) == (True, NEVER)


def test_what_is_for_the_owner_is_handed_on_in_order() -> None:
    found = session(10.0, "0,0")
    sent = [Frame("RECEIPT", {"receipt-id": "1"}), Frame("MESSAGE", {}), Frame("ERROR", {"message": "m"})]
    assert found.came(b"\n".join(map(encode, sent)), 101.0) == sent


@pytest.mark.parametrize("command", ["RECEIPT", "MESSAGE", "SEND"])
def test_before_the_greeting_there_is_nothing_else(command: str) -> None:
    with pytest.raises(BrokerError, match=f"sent {command} before CONNECTED, which no STOMP server does"):
        session().came(encode(Frame(command, {})), 101.0)


def test_a_server_sends_no_commands_of_clients() -> None:
    with pytest.raises(BrokerError, match="sent SEND, which no STOMP server does"):
        session(10.0, "0,0").came(encode(Frame("SEND", {})), 101.0)


def test_a_refusal_says_why_in_one_line_and_which_message() -> None:
    frame = Frame("ERROR", {"receipt-id": "7"}, b"no\n" * 1000)
    refusal = Refusal(SERVER, frame)
    assert str(refusal).startswith("stomp://me:***@mq:1 refused: no")
    assert len(str(refusal)) < 600
    assert refusal.receipt == "7"


def test_the_end_of_a_connection_is_told_by_where_it_came() -> None:
    assert "before it answered CONNECT" in str(session().ended())
    found = session(10.0, "0,0")
    assert str(found.ended()).endswith("closed the connection")
    found.came(b"MESS", 101.0)
    assert "in the middle of a frame" in str(found.ended())
