"""The STOMP broker keeps every promise of the port, and what it says of faults: a small server plays them."""

from __future__ import annotations

import contextlib
import re
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest

from penstock.brokers.stomp import Server, StompBroker, StompLimits, StompListener
from penstock.brokers.stomp.frames import Frame, encode
from penstock.brokers.stomp.link import Link
from penstock.brokers.stomp.wire import Bell
from penstock.errors import BrokerClosed, BrokerError, BrokerUnavailable, UserError
from penstock.ports import Broker, Message
from penstock.testing import BrokerSuite
from tests.brokers.services import free_port
from tests.brokers.small_server import Connection, SmallServer, serve, serving, until

QUICK = StompLimits(timeout=0.3, heart_beat=0, first_pause=0.005, longest_pause=0.02)
PATIENT = StompLimits(timeout=10.0, first_pause=0.005, longest_pause=0.02)
WAIT_SECONDS = 60.0


class TestStompBroker(BrokerSuite):
    secrets = ("tops3cret",)

    @pytest.fixture(autouse=True)
    def _servers(self) -> Iterator[None]:
        self.server: SmallServer | None = None
        yield
        if self.server is not None:
            self.server.close()

    def make_broker(self, folder: Path) -> Broker:
        self.server = SmallServer()
        account = Server("127.0.0.1", self.server.port, login="me", passcode="tops3cret")
        return StompBroker(account, limits=PATIENT)

    def make_away(self, folder: Path, room: int) -> Broker:
        return StompBroker(Server("127.0.0.1", free_port()), limits=PATIENT._replace(messages=room))

    def come_back(self, broker: Broker) -> None:
        assert isinstance(broker, StompBroker)
        self.server = SmallServer(port=broker.server.port)

    def received(self, broker: Broker, count: int) -> list[Message]:
        assert self.server is not None
        return [
            message._replace(topic=message.topic.removeprefix("/topic/"))
            for message in self.server.arrived(count)
        ]


def publish(server: SmallServer, limits: StompLimits = PATIENT, **more: Any) -> StompBroker:
    return StompBroker(server.server, limits=limits, jitter=lambda: 0.0, **more)


def why_not(broker: StompBroker) -> str:
    """What a flush says that finds a fault, once one was met."""
    broker.send("orders", "x", promised=True)
    until(lambda: broker.health()["error"] is not None)
    error: str = broker.health()["error"]
    return error


# ── servers that do not answer as they should: each ends within its deadline, with a message that says so ───────────


def silent(connection: Connection) -> None:
    connection.frame()
    connection.linger()


def half_a_greeting(connection: Connection) -> None:
    connection.sock.sendall(b"CONNECTED\nversion:1.2\nheart")
    connection.linger()


def ends_within_a_greeting(connection: Connection) -> None:
    connection.frame()
    connection.sock.sendall(b"CONNECTED\nversion:1.2\nheart")


def ends_at_once(connection: Connection) -> None:
    connection.frame()


def refuses(connection: Connection) -> None:
    connection.frame()
    connection.say("ERROR", b"the password of 'me' is wrong", message="not you")
    connection.linger()


def refuses_without_a_word(connection: Connection) -> None:
    connection.frame()
    connection.say("ERROR")


def speaks_http(connection: Connection) -> None:
    connection.sock.sendall(b"HTTP/1.1 400 Bad Request\r\nconnection: close\r\n\r\n")
    connection.linger()


def speaks_an_older_dialect(connection: Connection) -> None:
    connection.frame()
    connection.say("CONNECTED", session="1")
    connection.linger()


def beats_oddly(heart_beat: str) -> Any:
    def script(connection: Connection) -> None:
        connection.greet(heart_beat)
        connection.linger()

    return script


def receipt_before_greeting(connection: Connection) -> None:
    connection.say("RECEIPT", receipt_id="1")
    connection.linger()


def greets_twice(connection: Connection) -> None:
    connection.greet()
    connection.say("CONNECTED", version="1.2")
    connection.linger()


def endless_headers(connection: Connection) -> None:
    connection.sock.sendall(b"CONNECTED\n" + b"x:" + b"y" * 100_000)
    connection.linger()


def too_long_a_body(connection: Connection) -> None:
    connection.sock.sendall(b"CONNECTED\nversion:1.2\ncontent-length:999999999\n\n")
    connection.linger()


def ends_within_a_frame(connection: Connection) -> None:
    connection.greet()
    connection.frame()
    connection.sock.sendall(b"RECEIPT\nreceipt-id:1\n\n")


def never_confirms(connection: Connection) -> None:
    connection.greet()
    while True:
        connection.frame()


FAULTS = [
    (silent, r"did not answer CONNECT for 0\.3 s"),
    (half_a_greeting, r"did not answer CONNECT for 0\.3 s"),
    (ends_within_a_greeting, "closed the connection in the middle of a frame"),
    (ends_at_once, "closed the connection before it answered CONNECT"),
    (refuses, "refused: not you"),
    (refuses_without_a_word, "refused: no reason given"),
    (speaks_http, "where a STOMP frame was expected came b'HTTP"),
    (speaks_an_older_dialect, r"speaks STOMP '1\.0'; 1\.2 is needed"),
    (beats_oddly("soon"), "sent heart-beat 'soon', which is not two numbers"),
    (beats_oddly("-1,0"), "sent heart-beat '-1,0', which is not two numbers"),
    (beats_oddly("1,2,3"), "sent heart-beat '1,2,3', which is not two numbers"),
    (receipt_before_greeting, "sent RECEIPT before CONNECTED"),
    (greets_twice, "sent CONNECTED twice"),
    (endless_headers, "headers of a frame were longer than 65,536 bytes"),
    (too_long_a_body, "body of a frame was longer than"),
    (ends_within_a_frame, "closed the connection in the middle of a frame"),
    (never_confirms, r"confirmed nothing of what it was sent for 0\.3 s"),
]


def limits_for(said: str) -> StompLimits:
    """Only who waits in vain is to wait for a short time; a machine may be slow."""
    return QUICK if r"0\.3 s" in said else PATIENT


@pytest.mark.parametrize(("script", "said"), FAULTS, ids=[said[:40] for _, said in FAULTS])
def test_a_fault_is_named_within_the_deadline_and_what_was_promised_arrives_later(
    script: Any, said: str
) -> None:
    with serving(script, script, serve) as server, publish(server, limits_for(said)) as broker:
        assert re.search(said, why_not(broker))
        broker.flush(WAIT_SECONDS)
        assert [message.body for message in server.arrived(1)] == ["x"]


@pytest.mark.parametrize(("script", "said"), FAULTS[:15], ids=[said[:40] for _, said in FAULTS[:15]])
def test_a_listener_meets_the_same_faults(script: Any, said: str) -> None:
    with serving(script) as server, pytest.raises(BrokerError, match=said):
        StompListener(server.server, "orders", limits=limits_for(said))


def test_a_port_where_nobody_listens_is_named() -> None:
    port = free_port()
    with StompBroker(Server("127.0.0.1", port), limits=QUICK) as broker:
        assert why_not(broker) == f"stomp://127.0.0.1:{port} cannot be reached: Connection refused"
        broker.close(0)


def test_a_name_that_nobody_has_is_named() -> None:
    with StompBroker(Server("nowhere.invalid"), limits=QUICK) as broker:
        assert "stomp://nowhere.invalid:61613 cannot be found" in why_not(broker)
        broker.close(0)


@pytest.fixture
def full() -> Iterator[tuple[str, int]]:
    """A place whose backlog is full: the kernel answers nobody there."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as listening, contextlib.ExitStack() as stack:
        place = listening.getsockname()
        for _ in range(4):
            filler = stack.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex(place)
        yield place


def test_a_connection_that_nobody_accepts_ends_within_the_deadline(full: tuple[str, int]) -> None:
    with StompBroker(Server(*full), limits=QUICK) as broker:
        assert re.search(r"accepted no connection for \d+\.\d s", why_not(broker))
        broker.close(0)


class Broken:
    """A connection on which an error came just before it broke."""

    def __init__(self) -> None:
        self.coming = [None, encode(Frame("ERROR", {"message": "too much"}))]

    def read(self) -> bytes | None:
        return self.coming.pop(0)

    def write(self, data: bytes) -> int:
        raise BrokenPipeError(32, "Broken pipe")

    def close(self) -> None:
        pass


def test_the_last_words_of_a_server_are_heard() -> None:
    with serving() as server, contextlib.closing(Bell()) as bell, Link(server.server, PATIENT, bell) as link:
        link.close()
        link._wire = Broken()  # type: ignore[assignment]
        link.put(b"SEND\n\n\0")
        assert [frame.headers["message"] for frame in link.turn(0)] == ["too much"]


# ── silence and slowness after the greeting ─────────────────────────────────────────────────────────────────────────


def test_a_server_that_falls_silent_is_left() -> None:
    def falls_silent(connection: Connection) -> None:
        connection.greet("50,0")
        connection.take()
        connection.linger()

    with serving(falls_silent, serve) as server:
        with publish(server, PATIENT._replace(heart_beat=0.05)) as broker:
            broker.send("orders", "1")
            assert server.connections(2) == 2
            broker.send("orders", "2", promised=True)
            broker.flush(WAIT_SECONDS)
        assert [message.body for message in server.arrived(2)] == ["1", "2"]


def test_a_server_that_beats_is_not_left() -> None:
    def beats(connection: Connection) -> None:
        connection.greet("1000,0")
        connection.take()
        for _ in range(260):
            connection.sock.sendall(b"\n")
            connection.server.over.wait(0.01)
        serve_on(connection)

    def serve_on(connection: Connection) -> None:
        while connection.take().command != "DISCONNECT":
            connection.sock.sendall(b"\n")

    with serving(beats) as server, publish(server, PATIENT._replace(heart_beat=1.0)) as broker:
        broker.send("orders", "1")
        broker.flush(WAIT_SECONDS)
        for number in range(40):
            broker.send("orders", str(number), promised=True)
        broker.flush(WAIT_SECONDS)
        assert broker.health()["confirmed"] == 41


def test_a_server_hears_our_heart_beats() -> None:
    heard = threading.Event()

    def listens(connection: Connection) -> None:
        connection.greet("0,20")
        connection.take()
        for _ in range(3):
            assert connection.sock.recv(1) == b"\n"
        heard.set()
        while connection.take().command != "DISCONNECT":
            pass

    with serving(listens) as server, publish(server, PATIENT._replace(heart_beat=0.02)) as broker:
        broker.send("orders", "1")
        assert heard.wait(WAIT_SECONDS)


def test_a_server_that_reads_no_more_is_left_and_the_publisher_never_waits() -> None:
    def reads_no_more(connection: Connection) -> None:
        connection.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.greet()
        connection.linger()

    with serving(reads_no_more, serve) as server, publish(server, QUICK) as broker:
        big = "x" * 1_000_000
        for _ in range(8):
            broker.send("orders", big)
        until(lambda: broker.health()["error"] is not None)
        assert re.search(r"took nothing of what was sent to it for \d+\.\d s", broker.health()["error"])
        broker.send("orders", "last", promised=True)
        until(lambda: broker.health()["waiting"] == 0)
        health = broker.health()
        assert health["confirmed"] + health["doubtful"] == 9
        assert health["doubtful"] > 0
        assert "last" in [message.body for message in server.arrived(health["confirmed"])]


def test_a_slow_server_that_takes_what_it_is_sent_is_not_left() -> None:
    def slow(connection: Connection) -> None:
        connection.greet()
        while connection.take().command != "DISCONNECT":
            connection.server.over.wait(0.3)

    limits = PATIENT._replace(timeout=2.0)
    with serving(slow) as server, publish(server, limits) as broker:
        for _ in range(8):
            broker.send("orders", "x" * 300_000)
        broker.flush(WAIT_SECONDS)
        assert broker.health() == broker.health() | {"confirmed": 8, "doubtful": 0, "error": None}
        assert server.hellos == 1


# ── what was promised, and what was not ─────────────────────────────────────────────────────────────────────────────


def test_promised_messages_without_a_receipt_are_sent_again_in_order() -> None:
    def confirms_one(connection: Connection) -> None:
        connection.greet()
        connection.take()
        connection.frame()
        connection.frame()

    with serving(confirms_one, serve) as server, publish(server) as broker:
        for number in range(5):
            broker.send("orders", str(number), promised=True)
        broker.flush(WAIT_SECONDS)
        assert [message.body for message in server.arrived(5)] == ["0", "1", "2", "3", "4"]
        assert broker.health() == broker.health() | {"confirmed": 5, "doubtful": 0}


def test_what_was_not_promised_is_doubtful_when_the_connection_is_lost() -> None:
    go = threading.Event()

    def loses_two(connection: Connection) -> None:
        connection.greet()
        connection.frame()
        connection.frame()
        go.wait(WAIT_SECONDS)

    with serving(loses_two, serve) as server, publish(server, PATIENT) as broker:
        broker.send("orders", "1")
        broker.send("orders", "2")
        until(lambda: server.bytes_seen.count(b"\0") == 3)

        def lose() -> None:
            until(lambda: bool(broker._changed._waiters))  # type: ignore[attr-defined]
            go.set()

        losing = threading.Thread(target=lose)
        losing.start()
        with pytest.raises(BrokerUnavailable, match=r"2 messages .* were lost"):
            broker.flush(WAIT_SECONDS)
        losing.join()
        assert broker.health() == broker.health() | {"confirmed": 0, "doubtful": 2, "waiting": 0}


@pytest.mark.parametrize("seed", range(4))
def test_connections_that_break_anywhere_lose_no_promise_and_no_order(seed: int) -> None:
    chance = Random(seed)

    def breaks(connection: Connection) -> None:
        connection.greet()
        for _ in range(chance.randrange(60)):
            if connection.take().command == "DISCONNECT":
                return
        frame = connection.frame()
        if frame.command == "SEND" and chance.random() < 0.5:
            connection.server.keep(frame)  # it came, but that is never said
        if chance.random() < 0.5:
            connection.sock.sendall(b"RECEIPT\nreceipt-"[: chance.randrange(20)])

    promised = [chance.random() < 0.5 for _ in range(400)]
    with serving(breaks) as server, publish(server, PATIENT._replace(first_pause=0.001)) as broker:
        for number, promise in enumerate(promised):
            broker.send("orders", str(number), promised=promise)
        until(lambda: broker.health()["waiting"] == 0)
        health = broker.health()
        assert health["confirmed"] + health["doubtful"] == len(promised)
        assert (health["dropped"], health["refused"]) == (0, 0)
        arrived = [int(message.body) for message in server.arrived(health["confirmed"])]
        assert server.hellos > 2
    first = list(dict.fromkeys(arrived))
    assert first == sorted(first)
    assert {number for number, promise in enumerate(promised) if promise} <= set(first)
    assert [each for each in first if arrived.count(each) > 1 and not promised[each]] == []
    assert len(promised) - len(first) <= health["doubtful"]


def test_a_message_that_the_server_refuses_is_given_up_and_the_next_goes_out() -> None:
    def refuses_bad(connection: Connection) -> None:
        connection.greet()
        while True:
            frame = connection.take(refused=b"bad")
            if frame.body == b"bad":
                connection.say("ERROR", message="too bad", receipt_id=frame.headers["receipt"])
                return

    with serving(refuses_bad) as server, publish(server) as broker:
        for body in ("1", "bad", "2"):
            broker.send("orders", body, promised=True)
        until(lambda: broker.health()["waiting"] == 0)
        assert [message.body for message in server.arrived(2)] == ["1", "2"]
        assert broker.health()["refused"] == 1


def test_a_message_that_a_server_cannot_bear_is_found_and_given_up() -> None:
    def chokes(connection: Connection) -> None:
        connection.greet()
        while connection.take(refused=b"too big").body != b"too big":
            pass
        connection.say("ERROR", message="that was too much")  # of which message it does not say

    with serving(chokes) as server, publish(server) as broker:
        for body in ("1", "too big", "2", "3"):
            broker.send("orders", body, promised=True)
        until(lambda: broker.health()["waiting"] == 0)
        assert [message.body for message in server.arrived(3)] == ["1", "2", "3"]
        assert broker.health() == broker.health() | {"confirmed": 3, "refused": 1}


def test_a_server_that_is_only_confused_for_a_while_loses_no_promised_message() -> None:
    def is_confused(connection: Connection) -> None:
        connection.greet()
        connection.frame()
        connection.say("ERROR", message="one moment")

    with (
        serving(is_confused, is_confused, ends_at_once, is_confused, serve) as server,
        publish(server) as broker,
    ):
        broker.send("orders", "1", promised=True)
        broker.flush(WAIT_SECONDS)
        assert broker.health() == broker.health() | {"confirmed": 1, "refused": 0}


def test_a_promised_message_bids_the_server_keep_it() -> None:
    with serving() as server, publish(server) as broker:
        broker.send("orders", "kept", promised=True)
        broker.send("orders", "not")
        broker.flush(WAIT_SECONDS)
        assert [message.headers.get("persistent") for message in server.arrived(2)] == ["true", None]


def test_a_topic_that_begins_with_a_slash_is_a_destination() -> None:
    with serving() as server, publish(server, prefix="/topic/lab.") as broker:
        broker.send("orders", "x")
        broker.send("/queue/orders", "x")
        broker.flush(WAIT_SECONDS)
        assert [message.topic for message in server.arrived(2)] == ["/topic/lab.orders", "/queue/orders"]


@pytest.mark.parametrize("name", ["destination", "receipt", "content-length", "transaction"])
def test_headers_of_the_protocol_are_refused(name: str) -> None:
    broker = StompBroker(Server("127.0.0.1", 1))
    with pytest.raises(UserError, match=f"header '{name}'.*choose another"):
        broker.send("orders", "x", {name: "1"})
    broker.close()


def test_only_new_faults_are_logged(caplog: pytest.LogCaptureFixture) -> None:
    faults = [refuses, refuses, refuses, ends_at_once]
    with serving(*faults, serve) as server, publish(server, PATIENT) as broker:
        broker.send("orders", "x", promised=True)
        broker.flush(WAIT_SECONDS)
    said = [record.getMessage().partition(f":{server.port} ")[2] for record in caplog.records]
    assert said == ["refused: not you", "closed the connection before it answered CONNECT"]


# ── ends ────────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("script", [silent, never_confirms, refuses], ids=lambda script: script.__name__)
def test_close_ends_the_thread_whatever_the_server_does(script: Any) -> None:
    before = set(threading.enumerate())
    with serving(script) as server:
        broker = publish(server, StompLimits(timeout=60, first_pause=60))
        broker.send("orders", "x", promised=True)
        server.connections(1)
        broker.close(0.05)
        assert not stomp_threads() - before


def stomp_threads() -> set[threading.Thread]:
    return {thread for thread in threading.enumerate() if thread.name == "penstock-stomp"}


def test_close_ends_the_thread_while_it_connects(full: tuple[str, int]) -> None:
    before = set(threading.enumerate())
    broker = StompBroker(Server(*full), limits=StompLimits(timeout=60))
    broker.send("orders", "x")
    until(lambda: broker._bell._pair is not None)
    broker.close(0)
    assert not stomp_threads() - before


def test_a_process_that_forgets_to_close_ends_all_the_same() -> None:
    code = (
        "import sys\nfrom penstock.brokers.stomp import *\n"
        "broker = StompBroker(Server('127.0.0.1', int(sys.argv[1])))\n"
        "broker.send('orders', 'x', promised=True)\n"
    )
    with serving(silent) as server:
        subprocess.run([sys.executable, "-c", code, str(server.port)], timeout=WAIT_SECONDS, check=True)


def test_a_forked_child_is_told_to_open_its_own() -> None:
    code = (
        "import os, sys, warnings\nwarnings.simplefilter('ignore')\n"
        "from penstock.brokers.stomp import *\nfrom penstock.errors import BrokerClosed\n"
        "broker = StompBroker(Server('127.0.0.1', int(sys.argv[1])))\n"
        "broker.send('orders', '1', promised=True)\nbroker.flush(20)\n"
        "if os.fork() == 0:\n"
        "    try:\n        broker.send('orders', '2')\n"
        "    except BrokerClosed as error:\n        print(error, flush=True)\n"
        "    broker.close()\n    os._exit(0)\n"
        "os.wait()\nbroker.send('orders', '3', promised=True)\nbroker.close(20)\n"
    )
    with serving() as server:
        done = subprocess.run(
            [sys.executable, "-c", code, str(server.port)],
            capture_output=True,
            text=True,
            timeout=WAIT_SECONDS,
            check=True,
        )
        assert "open it anew" in done.stdout
        assert [message.body for message in server.arrived(2)] == ["1", "3"]


def test_a_listener_that_was_closed_says_so() -> None:
    with serving() as server:
        listener = StompListener(server.server, "orders", limits=PATIENT)
        assert listener.receive(0) is None
        listener.close()
        with pytest.raises(BrokerClosed):
            listener.receive(0)
