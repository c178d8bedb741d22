"""The recorder keeps every promise of the port, and its file those of its module."""

from __future__ import annotations

import fcntl
import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from penstock.brokers.jsonl import JsonlBroker, recorded
from penstock.errors import BrokerClosed, BrokerError, BrokerFull, BrokerUnavailable, SettingsError
from penstock.ports import Broker, Message
from penstock.testing import BrokerSuite


class TestJsonlBroker(BrokerSuite):
    keeps = False

    def make_broker(self, folder: Path) -> Broker:
        return JsonlBroker(folder / "messages.jsonl")

    def received(self, broker: Broker, count: int) -> list[Message]:
        assert isinstance(broker, JsonlBroker)
        return list(recorded(broker.path))

    def make_away(self, folder: Path, room: int) -> Broker:
        return JsonlBroker(folder / "not there" / "messages.jsonl")

    def come_back(self, broker: Broker) -> None:
        assert isinstance(broker, JsonlBroker)
        broker.path.parent.mkdir()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "messages.jsonl"


@pytest.fixture
def broker(file: Path) -> Iterator[JsonlBroker]:
    with JsonlBroker(file, now=lambda: 12.5, patience=0.05) as broker:
        yield broker


def test_a_line_is_json_that_people_can_read(broker: JsonlBroker, file: Path) -> None:
    broker.send("orders", "Grüße", {"n": "1"})
    broker.send("orders", b"\xff")
    assert file.read_text(encoding="utf-8").splitlines() == [
        '{"at":12.5,"topic":"orders","headers":{"n":"1"},"body":"Grüße"}',
        '{"at":12.5,"topic":"orders","headers":{},"bytes":"/w=="}',
    ]


def test_it_goes_on_where_it_ended(broker: JsonlBroker, file: Path) -> None:
    broker.send("orders", "1")
    broker.close()
    with JsonlBroker(file) as again:
        again.send("orders", "2")
    assert [message.body for message in recorded(file)] == ["1", "2"]


def test_a_file_that_was_moved_away_is_let_go_and_another_begun(broker: JsonlBroker, file: Path) -> None:
    broker.send("orders", "1")
    file.rename(file.with_name("yesterday.jsonl"))
    broker.send("orders", "2")
    file.unlink()
    broker.send("orders", "3")
    assert [message.body for message in recorded(file.with_name("yesterday.jsonl"))] == ["1"]
    assert [message.body for message in recorded(file)] == ["3"]


@pytest.mark.parametrize("theirs", ["name,amount\n", "no end of a line", '{"a": 1}\n', '{"at":1}\nno end'])
def test_a_file_that_holds_something_else_is_left_as_it_is(
    broker: JsonlBroker, file: Path, theirs: str
) -> None:
    file.write_text(theirs)
    with pytest.raises(SettingsError, match="name another file"):
        broker.send("orders", "1")
    assert file.read_text() == theirs


@pytest.mark.parametrize("length", [0, 1, 70_000, 200_000])
def test_what_a_killed_writer_left_of_a_line_is_cut_off(broker: JsonlBroker, file: Path, length: int) -> None:
    broker.send("orders", "1")
    whole = file.read_bytes()
    with file.open("ab") as torn:
        torn.write(b'{"at":1,"body":"' + b"x" * length)
    assert [message.body for message in recorded(file)] == ["1"]
    broker.send("orders", "2")
    assert file.read_bytes().startswith(whole)
    assert [message.body for message in recorded(file)] == ["1", "2"]


def test_a_file_with_nothing_but_half_a_line_is_begun_anew(broker: JsonlBroker, file: Path) -> None:
    file.write_bytes(b'{"at":' * 30_000)
    broker.send("orders", "1")
    assert [message.body for message in recorded(file)] == ["1"]


def test_a_line_that_is_no_message_is_named(broker: JsonlBroker, file: Path) -> None:
    broker.send("orders", "1")
    file.write_bytes(file.read_bytes() + b'{"topic":"orders"}\n')
    with pytest.raises(BrokerError, match=r"messages\.jsonl:2: .*no recorded message"):
        list(recorded(file))


def test_processes_that_record_at_once_write_whole_lines(file: Path) -> None:
    code = (
        "import sys\nfrom penstock.brokers.jsonl import JsonlBroker\n"
        "with JsonlBroker(sys.argv[1], patience=20) as broker:\n"
        "    for n in range(200):\n        broker.send(sys.argv[2], str(n) + 'x' * n * 50)\n"
    )
    writers = [subprocess.Popen([sys.executable, "-c", code, file, f"p{n}"]) for n in range(3)]
    assert [writer.wait(60) for writer in writers] == [0, 0, 0]
    found = list(recorded(file))
    for n in range(3):
        mine = [str(message.body) for message in found if message.topic == f"p{n}"]
        assert mine == [str(n) + "x" * n * 50 for n in range(200)]


def test_writers_that_are_killed_leave_whole_lines_to_the_others(file: Path) -> None:
    code = (
        "import sys\nfrom penstock.brokers.jsonl import JsonlBroker\n"
        "with JsonlBroker(sys.argv[1], patience=20) as broker:\n"
        "    n = 0\n"
        "    while True:\n        broker.send(sys.argv[2], str(n) + 'x' * 300_000)\n        n += 1\n"
    )
    for start in range(4):
        writers = [subprocess.Popen([sys.executable, "-c", code, file, f"{start}.{n}"]) for n in range(2)]
        size = file.stat().st_size if file.exists() else 0
        for grown, writer in zip((3_000_000, 6_000_000), writers, strict=True):
            while not file.exists() or file.stat().st_size < size + grown:
                assert writer.poll() is None
                time.sleep(0.001)
            writer.kill()
            writer.wait(20)
    with JsonlBroker(file) as broker:
        broker.send("last", "whole")
    found = list(recorded(file))
    assert found[-1] == Message("last", "whole", {})
    for topic in {message.topic for message in found[:-1]}:
        mine = [str(message.body) for message in found if message.topic == topic]
        assert mine == [str(n) + "x" * 300_000 for n in range(len(mine))]


def test_a_lock_that_is_not_given_back_is_no_room(broker: JsonlBroker, file: Path) -> None:
    broker.send("orders", "1")
    with file.open("rb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        assert broker.send("orders", "2") is False
        with pytest.raises(BrokerFull, match=r"orders.*lock"):
            broker.send("orders", "3", promised=True)
        with pytest.raises(BrokerUnavailable, match="lock"):
            broker.flush(1)
        assert "lock" in broker.health()["error"]
    assert broker.send("orders", "4")
    assert [message.body for message in recorded(file)] == ["1", "4"]
    assert broker.health() == broker.health() | {"confirmed": 2, "dropped": 2, "error": None}


def test_a_folder_that_is_not_there_is_no_room(tmp_path: Path) -> None:
    broker = JsonlBroker(tmp_path / "nowhere" / "messages.jsonl")
    assert broker.send("orders", "1") is False
    with pytest.raises(BrokerFull, match=r"nowhere/messages.jsonl cannot be written: No such file"):
        broker.send("orders", "2", promised=True)


def test_a_full_disk_leaves_whole_lines(file: Path) -> None:
    code = (
        "import resource, signal, sys\nfrom penstock.brokers.jsonl import JsonlBroker\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        f"resource.setrlimit(resource.RLIMIT_FSIZE, (5000, {resource.RLIM_INFINITY}))\n"
        "with JsonlBroker(sys.argv[1]) as broker:\n"
        "    print([broker.send('orders', 'x' * 2000) for n in range(4)], broker.health()['error'])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, file], capture_output=True, text=True, timeout=300, check=False
    )
    assert done.stdout == f"[True, True, False, False] {file} cannot be written: File too large\n", (
        done.stderr
    )
    assert [json.loads(line)["body"] for line in file.read_bytes().splitlines()] == ["x" * 2000] * 2


def test_a_forked_child_is_told_to_open_its_own(file: Path) -> None:
    code = (
        "import os, sys\nfrom penstock.brokers.jsonl import JsonlBroker\nfrom penstock.errors import BrokerClosed\n"
        "broker = JsonlBroker(sys.argv[1])\nbroker.send('orders', '1')\n"
        "if os.fork() == 0:\n"
        "    try:\n        broker.send('orders', '2')\n"
        "    except BrokerClosed as error:\n        print(error, flush=True)\n"
        "    os._exit(0)\n"
        "os.wait()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, file], capture_output=True, text=True, timeout=300, check=False
    )
    assert "open it anew" in done.stdout, done.stderr
    assert [message.body for message in recorded(file)] == ["1"]


def test_a_closed_recorder_gives_its_file_back(broker: JsonlBroker, file: Path) -> None:
    broker.send("orders", "1")
    broker.close()
    open_files = [os.path.realpath(f"/proc/self/fd/{fd}") for fd in os.listdir("/proc/self/fd")]
    assert str(file) not in open_files
    with pytest.raises(BrokerClosed):
        broker.send("orders", "2")
