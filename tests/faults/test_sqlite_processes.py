"""Several processes on one SQLite file: nothing is lost, nobody waits long, and who stands in the way is named."""

from __future__ import annotations

import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from penstock.errors import StoreFull, StoreUnavailable
from penstock.model.changes import Change, Ok, Put, Row
from penstock.stores.sqlite import SqliteStore
from penstock.testing.store_suite.harness import append, events, put, puts, write

WRITER = """
import json, sys, time
from penstock.model.changes import Change, Put, Row
from penstock.stores.sqlite import SqliteStore

store = SqliteStore(sys.argv[1], sys.argv[3])
run, seconds = sys.argv[2], float(sys.argv[4])
last = len(store.read(run, 0, 1_000_000))
print("open", flush=True)
sys.stdin.readline()
worst, end = 0.0, time.monotonic() + seconds
while time.monotonic() < end:
    rows = [Row(last + n, 1.0, "step_done", f"s{last + n}", None, "x" * 200) for n in (1, 2)]
    puts = [Put("runs", run, {"status": "running", "data": str(last + 2)})] if last % 20 == 0 else []
    started = time.monotonic()
    (verdict,) = store.commit([Change(run=run, expect=last, events=rows, puts=puts)])
    worst = max(worst, time.monotonic() - started)
    assert type(verdict).__name__ == "Ok", verdict
    last += 2
    if sys.argv[5] == "tell":
        print(last, flush=True)
print(json.dumps({"last": last, "worst": worst}), flush=True)
"""


class Writer:
    """A process that appends to a run of its own, two events a commit."""

    def __init__(self, path: Path, run: str, durability: str, seconds: float, *, tell: bool = False) -> None:
        arguments = [str(path), run, durability, str(seconds), "tell" if tell else "quiet"]
        self.process = subprocess.Popen(
            [sys.executable, "-c", WRITER, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == "open\n"

    def go(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write("go\n")
        self.process.stdin.flush()

    def first(self) -> str:
        """The first line it prints."""
        assert self.process.stdout is not None
        return self.process.stdout.readline()

    def told(self) -> list[str]:
        """What it prints from now until its end, whole lines only."""
        assert self.process.stdout is not None
        text = self.process.stdout.read()
        self.process.wait(timeout=300)
        return text[: text.rfind("\n") + 1].splitlines()

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        for stream in (self.process.stdin, self.process.stdout):
            assert stream is not None
            stream.close()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "store.db"


@pytest.mark.parametrize("durability", ["power", "crash"])
def test_four_writers_lose_nothing_and_none_waits_long(path: Path, durability: str) -> None:
    writers = [Writer(path, f"r{n}", durability, 2.0) for n in range(4)]
    for writer in writers:
        writer.go()
    told = [json.loads(writer.told()[-1]) for writer in writers]
    for writer in writers:
        writer.close()
    store = SqliteStore(path)
    for n, report in enumerate(told):
        assert len(store.read(f"r{n}", 0, 1_000_000)) == report["last"]
    assert store.check() == []
    store.close()
    print([f"{report['worst'] * 1000:.0f} ms" for report in told])
    # The budget of 100 ms is the benchmark's, on a quiet machine; a writer that is not let in gives up after ten seconds.
    assert min(report["last"] for report in told) > max(report["last"] for report in told) / 10


def test_what_was_answered_before_kill_9_is_there_whenever_it_comes(path: Path) -> None:
    chance = random.Random(5)
    landed = 0
    for number in range(12):
        writers = [Writer(path, f"r{n}", "crash", 600, tell=True) for n in range(2)]
        for writer in writers:
            writer.go()
        begun = [writer.first() if number % 3 else "0" for writer in writers]
        time.sleep(chance.uniform(0.0, 0.1))
        for writer in writers:
            writer.process.send_signal(signal.SIGKILL)
        answered = [int([first, *writer.told()][-1]) for writer, first in zip(writers, begun, strict=True)]
        for writer in writers:
            writer.close()
        landed += any(answered)
        store = SqliteStore(path)
        assert store.check() == []
        for n, last in enumerate(answered):
            there = len(store.read(f"r{n}", 0, 1_000_000))
            assert there >= last, "an answered commit is gone"
            assert there % 2 == 0, "half a commit is there"
        store.close()
    assert landed >= 8, "most kills should come in the middle of commits"


HOLDER = """
import sys
from penstock.stores.sqlite import SqliteStore
store = SqliteStore(sys.argv[1])
with store._writer.transaction() as connection:
    connection.execute("UPDATE counters SET value = value + 1000")
    print("inside", flush=True)
    sys.stdin.readline()
"""


@pytest.fixture
def holder(path: Path) -> Iterator[subprocess.Popen[str]]:
    """A process inside a write."""
    command = [sys.executable, "-c", HOLDER, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "inside\n"
        yield process
        process.kill()


def test_a_process_stopped_inside_a_write_is_named(path: Path, holder: subprocess.Popen[str]) -> None:
    holder.send_signal(signal.SIGSTOP)
    store = SqliteStore(path, patience=1.2)
    with pytest.raises(
        StoreUnavailable, match=rf"process {holder.pid} \(.*stopped\)\) holds its lock.*kill -CONT"
    ):
        store.commit([append("r", 0)])
    assert store.read("r") == [], "readers are not in its way"
    holder.send_signal(signal.SIGCONT)
    holder.communicate("\n", timeout=300)
    write(store, append("r", 0))
    store.close()


def test_what_a_killed_writer_left_half_done_is_gone(path: Path, holder: subprocess.Popen[str]) -> None:
    holder.kill()
    holder.wait()
    store = SqliteStore(path)
    write(store, puts(put("queued", "q", rank_minus=0)))
    assert store.get("queued", ["q"])["q"]["rank"] == 1
    store.close()


def test_a_program_that_locks_the_file_without_our_lock_makes_the_store_unavailable_for_now(
    path: Path,
) -> None:
    store = SqliteStore(path, patience=0.2)
    theirs = sqlite3.connect(path, isolation_level=None)
    theirs.execute("BEGIN IMMEDIATE")
    for change in (append("r", 0), puts(put("runs", "r"))):
        with pytest.raises(StoreUnavailable, match="another program"):
            store.commit([change])
    theirs.execute("ROLLBACK")
    theirs.close()
    write(store, append("r", 0))
    store.close()


OPENER = """
import sys
from penstock.model.changes import Change, Row
from penstock.stores.sqlite import SqliteStore
sys.stdin.readline()
for n in range(10):
    store = SqliteStore(sys.argv[1])
    store.commit([Change(run=sys.argv[2], expect=n, events=[Row(n + 1, 1.0, "noted", None, None, "{}")])])
    store.close()
"""


def test_processes_that_open_and_close_a_new_store_at_once_get_along(path: Path) -> None:
    openers = [
        subprocess.Popen([sys.executable, "-c", OPENER, str(path), f"r{n}"], stdin=subprocess.PIPE)
        for n in range(6)
    ]
    for opener in openers:
        assert opener.stdin is not None
        opener.stdin.write(b"\n")
        opener.stdin.close()
    assert [opener.wait(timeout=300) for opener in openers] == [0] * 6
    store = SqliteStore(path)
    assert [len(store.read(f"r{n}")) for n in range(6)] == [10] * 6
    store.close()


def test_a_copy_made_beside_busy_writers_is_sound(path: Path, tmp_path: Path) -> None:
    writers = [Writer(path, f"r{n}", "crash", 1.0) for n in range(2)]
    store = SqliteStore(path)
    for writer in writers:
        writer.go()
    for n in range(5):
        store.backup(str(tmp_path / f"copy{n}"))
    told = [json.loads(writer.told()[-1]) for writer in writers]
    for writer in writers:
        writer.close()
    for n in range(5):
        copy = SqliteStore(tmp_path / f"copy{n}")
        assert copy.check() == []
        copy.close()
    assert [len(store.read(f"r{n}", 0, 1_000_000)) for n in range(2)] == [report["last"] for report in told]
    write(store, append("mine", 0))
    store.close()


# ── a full disk ──


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of a few megabytes."""
    place = tmp_path / "disk"
    place.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=3m", "penstock-test", str(place)],
        capture_output=True,
        text=True,
        check=False,
    )
    if mounted.returncode:
        pytest.skip(f"no small file system can be mounted here: {mounted.stderr.strip()}")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


def test_a_full_disk_is_told_as_such_and_nothing_recorded_is_lost(small_disk: Path) -> None:
    store = SqliteStore(small_disk / "store.db")
    ballast = small_disk / "ballast"
    ballast.write_bytes(b"x" * 500_000)
    last = 0
    with pytest.raises(StoreFull, match=r"no room left for .*store.db; nothing recorded was lost: make room"):
        while True:
            rows = [Row(last + n, 1.0, "step_done", "s", None, "x" * 2_000) for n in range(1, 6)]
            write(
                store,
                Change(run="r", expect=last, events=rows, puts=[Put("runs", "r", {"data": str(last + 5)})]),
            )
            last += 5
    assert last > 0
    assert len(store.read("r", 0, 100_000)) == last
    assert store.get("runs", ["r"])["r"]["data"] == str(last)
    with pytest.raises(StoreFull):
        for _ in range(1_000):
            write(store, append("other", len(store.read("other", 0, 100_000))))
    other = len(store.read("other", 0, 100_000))
    ballast.unlink()
    write(store, append("other", other), append("r", last))
    assert store.check() == []
    store.close()
    again = SqliteStore(small_disk / "store.db")
    assert len(again.read("r", 0, 100_000)) == last + 1
    again.close()


def test_no_store_can_be_made_on_a_full_disk_and_none_is_left_half_made(small_disk: Path) -> None:
    (small_disk / "ballast").write_bytes(b"x" * (3 * 1024 * 1024 - 16_384))
    with pytest.raises(StoreFull):
        SqliteStore(small_disk / "store.db")
    assert not (small_disk / "store.db").exists()
    (small_disk / "ballast").unlink()
    SqliteStore(small_disk / "store.db").close()


QUOTA = """
import resource, signal, sys
from penstock.errors import StoreError
from penstock.model.changes import Change, Row
from penstock.stores.sqlite import SqliteStore
store = SqliteStore(sys.argv[1])
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, resource.RLIM_INFINITY))
last = 0
try:
    while True:
        store.commit([Change(run="r", expect=last, events=[Row(last + 1, 1.0, "noted", None, None, "x" * 5_000)])])
        last += 1
except StoreError as error:
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    store.commit([Change(run="r", expect=last, events=[Row(last + 1, 1.0, "noted", None, None, "x")])])
    print(last, len(store.read("r")), store.check())
"""


def test_a_limit_on_the_size_of_files_loses_nothing_either(path: Path) -> None:
    told = subprocess.run(
        [sys.executable, "-c", QUOTA, str(path)], capture_output=True, text=True, check=False, timeout=300
    )
    last, there, wrong = told.stdout.split()
    assert (int(last) > 5, int(there), wrong) == (True, int(last) + 1, "[]"), told.stderr


# ── stores and descriptors of one process ──


def test_two_stores_of_one_process_keep_each_others_locks(path: Path) -> None:
    """Closing any descriptor of the database drops all the process's locks on it: nothing of ours may do that."""
    one = SqliteStore(path)
    write(one, append("r", 0))
    for _ in range(3):
        two = SqliteStore(path)
        two.health()
        two.backup(str(path.with_name("copy")))
        two.close()
    assert _locks_on(path) > 0
    write(one, append("r", 1))
    assert one.read("r") == events(1, 2)
    one.close()


def _locks_on(path: Path) -> int:
    inode = os.stat(path).st_ino
    return sum(f":{inode} " in line for line in Path("/proc/locks").read_text().splitlines())


def test_a_thread_that_dies_inside_a_write_undoes_it(path: Path) -> None:
    store = SqliteStore(path)
    with pytest.raises(KeyboardInterrupt), store._writer.transaction() as connection:
        connection.execute("INSERT INTO inboxes VALUES ('r', 1)")
        raise KeyboardInterrupt
    verdicts = store.commit([append("r", 0)])
    assert isinstance(verdicts[0], Ok)
    assert store._readers.all("SELECT * FROM inboxes") == []
    store.close()
