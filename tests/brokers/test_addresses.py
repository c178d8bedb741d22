"""Brokers by their addresses, and the one that the settings name."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

import penstock
from penstock.app.brokers import (
    broker_at,
    close_shared,
    listener_at,
    prefix_of,
    shared_broker,
    without_secret,
)
from penstock.brokers.jsonl import JsonlBroker, recorded
from penstock.brokers.stomp import Server, StompBroker, StompLimits
from penstock.errors import SettingsError
from tests.brokers.services import free_port
from tests.brokers.small_server import Connection, Ended, serving


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("PENSTOCK_BROKER", raising=False)
    return tmp_path


def stomp_at(address: str) -> StompBroker:
    broker = broker_at(address)
    assert isinstance(broker, StompBroker)
    return broker


def test_an_address_names_host_port_account_and_prefix() -> None:
    broker = stomp_at(
        "stomp://me:p%40ss%2Fword@mq.example.org:61000/topic/lab?vhost=lab&timeout=2&heart_beat=0"
    )
    assert broker.server == Server("mq.example.org", 61000, "me", "p@ss/word", "lab")
    assert broker.prefix == "/topic/lab."
    assert broker._limits == StompLimits(timeout=2.0, heart_beat=0.0)
    assert broker.url == "stomp://me:***@mq.example.org:61000/topic/lab."


def test_what_is_left_out_is_as_usual() -> None:
    broker = stomp_at("stomp://localhost")
    assert (broker.server, broker.prefix) == (Server("localhost", 61613), "/topic/")
    secured = stomp_at("stomp+ssl://[::1]")
    assert (secured.server.host, secured.server.port) == ("::1", 61614)
    assert secured.server.tls is not None
    assert secured.url == "stomp+ssl://[::1]:61614/topic/"


@pytest.mark.parametrize(
    ("path", "prefix"),
    [
        ("", "/topic/"),
        ("/", "/topic/"),
        ("/queue", "/queue/"),
        ("/topic/lab", "/topic/lab."),
        ("/exchange/amq.topic/", "/exchange/amq.topic/"),
        ("/topic/lab-", "/topic/lab-"),
    ],
)
def test_a_path_is_put_before_topics(path: str, prefix: str) -> None:
    assert prefix_of(path) == prefix


SECRET = "tops3cret"


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("", "is no address: say stomp://HOST:PORT"),
        ("localhost:61613", "is no address: say stomp://HOST:PORT"),
        ("redis://localhost", "is of an unknown kind 'redis': there are jsonl, stomp"),
        ("stopm://localhost", r"is of an unknown kind 'stopm': did you mean 'stomp'\?"),
        (f"stopm://me:{SECRET}@localhost", r"'stopm://\*\*\*@localhost' is of an unknown kind"),
        (f"me:{SECRET}@localhost", r"'\*\*\*@localhost' is no address"),
        (f"stomp:me:{SECRET}@localhost", r"'stomp:\*\*\*@localhost' is no address"),
        (f"stomp://me:{SECRET}@", "names no host and port"),
        (f"stomp://me:{SECRET}@localhost:http", "names no host and port"),
        (f"stomp://me:{SECRET}@localhost:99999", "names no host and port"),
        (f"stomp://me:{SECRET}/x@y@localhost:0", r"'stomp://\*\*\*@localhost:0' names no host and port"),
        (f"stomp://me:{SECRET}@localhost?timout=1", "unknown option 'timout': did you mean 'timeout'"),
        (
            f"stomp://me:{SECRET}@localhost?timeout=soon",
            "has timeout='soon': say a number of seconds, such as 5",
        ),
        (f"stomp://me:{SECRET}@localhost?timeout=0", "has timeout='0'"),
        (f"stomp://me:{SECRET}@localhost?heart_beat=nan", "has heart_beat='nan'"),
        (f"stomp://me%0A:{SECRET}@localhost", "holds a character that is no text"),
        (f"stomp://me:{SECRET}@localhost?ca=x.pem", "is not encrypted, but certificates were given"),
        (f"stomp+ssl://me:{SECRET}@localhost?ca=x.pem", "cannot be read from 'x.pem'"),
        ("jsonl:", "lacks its path: say jsonl:path/to/messages.jsonl"),
        ("jsonl:///x", "lacks its path"),
        ("jsonl:nowhere/messages.jsonl", "its folder must be there"),
        ("jsonl:.", "can be no file"),
    ],
)
def test_what_means_nothing_is_refused_with_the_remedy_and_without_the_secret(
    address: str, said: str
) -> None:
    with pytest.raises(SettingsError, match=said) as refused:
        broker_at(address)
    assert SECRET not in str(refused.value)


def test_what_may_be_shown_holds_no_secret() -> None:
    assert without_secret("stomp://me:p@ss@host/x") == "stomp://***@host/x"
    assert without_secret("jsonl:a.jsonl") == "jsonl:a.jsonl"


def test_login_and_passcode_reach_the_server() -> None:
    said: list[dict[str, str]] = []

    def checks(connection: Connection) -> None:
        said.append(dict(connection.greet().headers))
        while connection.take().command != "DISCONNECT":
            pass

    with serving(checks) as server:
        with stomp_at(f"stomp://me:a%3Ab@127.0.0.1:{server.port}?vhost=lab&heart_beat=2") as broker:
            broker.send("orders", "x")
            broker.flush(20)
        assert [message.topic for message in server.arrived(1)] == ["/topic/orders"]
    assert said == [
        {
            "accept-version": "1.2",
            "host": "lab",
            "heart-beat": "2000,2000",
            "login": "me",
            "passcode": "a:b",
        }
    ]


def test_a_listener_has_the_prefix_of_its_address() -> None:
    subscribed: list[str] = []

    def delivers(connection: Connection) -> None:
        connection.greet()
        subscribed.append(connection.take().headers["destination"])
        connection.say(
            "MESSAGE", b"x", destination="/topic/lab.orders", message_id="1", subscription="0", n="1"
        )
        try:
            connection.frame()
        except Ended:
            return

    with (
        serving(delivers) as server,
        listener_at(f"stomp://127.0.0.1:{server.port}/topic/lab", "orders") as listener,
    ):
        message = listener.receive(20)
    assert subscribed == ["/topic/lab.orders"]
    assert message == ("orders", "x", {"n": "1"})


def test_a_file_of_the_project_is_made_with_its_folder(folder: Path) -> None:
    broker = broker_at("jsonl:.penstock/messages.jsonl")
    assert isinstance(broker, JsonlBroker)
    broker.send("orders", "x")
    broker.close()
    assert [message.body for message in recorded(folder / ".penstock" / "messages.jsonl")] == ["x"]


def test_without_a_setting_there_is_no_broker() -> None:
    assert broker_at() is None
    assert shared_broker() is None


def test_the_settings_name_a_broker_and_a_path_starts_from_their_file(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "pyproject.toml").write_text('[tool.penstock]\nbroker = "jsonl:messages.jsonl"\n')
    (folder / "below").mkdir()
    monkeypatch.chdir(folder / "below")
    broker = broker_at()
    assert isinstance(broker, JsonlBroker)
    assert broker.path == folder / "messages.jsonl"


def test_a_setting_that_means_nothing_is_refused_with_its_place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PENSTOCK_BROKER", f"stopm://me:{SECRET}@localhost")
    with pytest.raises(SettingsError, match=r"\(the variable PENSTOCK_BROKER\)") as refused:
        broker_at()
    assert SECRET not in str(refused.value)


def test_a_process_shares_one_broker_until_all_is_closed(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PENSTOCK_BROKER", "jsonl:messages.jsonl")
    first = shared_broker()
    assert first is not None
    assert shared_broker() is first
    first.send("orders", "1")
    penstock.close_all()
    second = shared_broker()
    assert second is not None
    assert second is not first
    second.send("orders", "2")
    close_shared()
    assert [message.body for message in recorded(folder / "messages.jsonl")] == ["1", "2"]


def test_what_waits_in_the_shared_broker_goes_out_at_the_end_of_the_process() -> None:
    code = "from penstock.app.brokers import shared_broker\nshared_broker().send('orders', 'x')\n"
    with serving() as server:
        own = {"PENSTOCK_BROKER": f"stomp://127.0.0.1:{server.port}"}
        subprocess.run([sys.executable, "-c", code], env=own, timeout=300, check=True)
        assert [message.body for message in server.arrived(1)] == ["x"]


def test_the_command_shows_the_setting_without_its_secret() -> None:
    own = {"PENSTOCK_BROKER": f"stomp://me:{SECRET}@localhost:{free_port()}/topic/lab"}
    for options in ([], ["--json"]):
        done = subprocess.run(
            [sys.executable, "-m", "penstock", "settings", *options],
            env=own,
            capture_output=True,
            text=True,
            timeout=300,
            check=True,
        )
        assert SECRET not in done.stdout + done.stderr
        assert "stomp://***@localhost" in done.stdout
    assert json.loads(done.stdout)
