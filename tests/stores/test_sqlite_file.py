"""What the SQLite store says about files that are no sound store of its own, and how it lives with its file."""

from __future__ import annotations

import errno
import fcntl
import os
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from penstock.errors import (
    LogTruncated,
    StoreCorrupt,
    StoreForeign,
    StoreReadOnly,
    StoreTooNew,
    StoreUnavailable,
    StoreUnlockable,
)
from penstock.model.changes import Change, Conflict, Duplicate, Guard, Put, Refused, Row
from penstock.stores.sqlite import SqliteStore, lock, queries, tables
from penstock.testing.store_suite.harness import HandClock, append, events, kinds, put, puts, send, write


class Host:
    """A host whose wall clock, boot clock and boots a test moves apart."""

    def __init__(self) -> None:
        self.boot = "boot 1"
        self.wall = HandClock(1_000_000.0)
        self.since_boot = HandClock(50.0)

    def reboot(self) -> None:
        self.boot += "!"
        self.since_boot = HandClock(1.0)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "store.db"


@pytest.fixture
def store(path: Path) -> Iterator[SqliteStore]:
    store = SqliteStore(path)
    yield store
    store.close()


# ── files that are no store ──


def test_a_text_file_is_refused_and_left_as_it_is(path: Path) -> None:
    path.write_text("dear diary\n" * 200)
    with pytest.raises(StoreForeign, match=r"store.db is no SQLite database.*name another file"):
        SqliteStore(path)
    assert path.read_text() == "dear diary\n" * 200


def test_another_applications_database_is_refused_and_left_as_it_is(path: Path) -> None:
    with sqlite3.connect(path) as theirs:
        theirs.execute("CREATE TABLE notes (text)")
    theirs.close()
    before = path.read_bytes()
    with pytest.raises(StoreForeign, match="another application"):
        SqliteStore(path)
    assert path.read_bytes() == before
    assert [left.name for left in path.parent.iterdir()] == ["store.db", "store.db-lock"]


def test_a_newer_schema_is_refused_with_both_numbers(store: SqliteStore, path: Path) -> None:
    store.close()
    newer = sqlite3.connect(path)
    newer.execute(f"PRAGMA user_version = {queries.newest() + 1}")
    newer.close()
    with pytest.raises(
        StoreTooNew, match=f"schema {queries.newest() + 1}, this Penstock knows {queries.newest()}"
    ):
        SqliteStore(path)


def test_a_damaged_file_is_told_apart_and_the_remedy_is_named(store: SqliteStore, path: Path) -> None:
    write(store, append("r", 0, 500))
    store.close()
    sound = path.read_bytes()
    path.write_bytes(sound[:8192] + b"\xff" * (len(sound) - 8192))
    with pytest.raises(StoreCorrupt, match=r"damaged.*backup"):
        broken = SqliteStore(path)
        broken.read("r")


def test_check_names_what_is_wrong_with_a_log(store: SqliteStore, path: Path) -> None:
    write(store, append("r", 0, 5, puts=[put("runs", "r")]))
    vandal = sqlite3.connect(path)
    vandal.execute("DELETE FROM events WHERE sequence = 3")
    vandal.execute("UPDATE runs SET state = 'leased'")
    vandal.commit()
    vandal.close()
    wrong = " ".join(store.check())
    assert "log of run r" in wrong
    assert "Row r of runs is leased, but by nobody" in wrong


def test_an_empty_file_becomes_a_store(path: Path) -> None:
    path.touch()
    store = SqliteStore(path)
    write(store, append("r", 0))
    store.close()


# ── places that are no place for a store ──

OPEN_AS_NOBODY = """
import os, sys
from penstock.errors import StoreReadOnly
from penstock.stores.sqlite import SqliteStore
os.setgid(65534); os.setuid(65534)
try:
    SqliteStore(sys.argv[1])
except StoreReadOnly as error:
    print(error)
"""


@pytest.mark.skipif(os.getuid() != 0, reason="only root can become nobody")
@pytest.mark.parametrize("there", [False, True], ids=["new", "old"])
def test_a_file_that_may_not_be_written_is_refused_with_the_remedy(there: bool) -> None:
    import tempfile

    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        os.chmod(folder, 0o755)
        place = os.path.join(folder, "store.db")
        if there:
            SqliteStore(place).close()
        command = [sys.executable, "-c", OPEN_AS_NOBODY, place]
        told = subprocess.run(command, capture_output=True, text=True, timeout=300, check=True)
        assert "cannot be written; give this user the right" in told.stdout


@pytest.mark.skipif(os.getuid() == 0, reason="root may write everywhere")
def test_a_folder_that_may_not_be_written_is_refused(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(StoreReadOnly):
        SqliteStore(tmp_path / "store.db")


@pytest.mark.parametrize("kind", ["nfs4", "cifs", "9p", "fuse.sshfs"])
def test_a_network_file_system_is_refused_unless_insisted_on(
    path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    mounts = ["/dev/sda1 / ext4 rw 0 0", f"server:/share {path.parent} {kind} rw 0 0"]
    monkeypatch.setattr(lock, "_lines", lambda _: mounts)
    with pytest.raises(StoreUnlockable, match=f"{kind} file system.*network=True"):
        SqliteStore(path)
    SqliteStore(path, network=True).close()


def test_a_place_where_locks_do_not_exclude_is_refused(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fcntl, "flock", lambda fd, how: None)
    with pytest.raises(StoreUnlockable, match="two descriptors hold one lock"):
        SqliteStore(path)


def test_a_place_without_locks_is_refused(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def unsupported(fd: int, how: int) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", unsupported)
    with pytest.raises(StoreUnlockable, match="No locks available"):
        SqliteStore(path)


# ── living with the file ──


def test_a_new_store_is_whole_before_anybody_sees_it(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "rename", _power_cut)
    with pytest.raises(KeyboardInterrupt):
        SqliteStore(path)
    assert not path.exists()
    monkeypatch.undo()
    store = SqliteStore(path)
    write(store, append("r", 0))
    store.close()


def _power_cut(*_: object) -> None:
    raise KeyboardInterrupt


def test_closing_the_last_handle_leaves_one_file_and_the_lock(store: SqliteStore, path: Path) -> None:
    write(store, append("r", 0, 3))
    store.read("r")
    store.close()
    assert sorted(left.name for left in path.parent.iterdir()) == ["store.db", "store.db-lock"]


def test_an_idle_store_empties_its_log(store: SqliteStore, path: Path) -> None:
    write(store, append("r", 0, 300))
    assert store.health()["wal_size"] > 0
    for _ in range(3):
        store.next_due("runs")
    assert store.health()["wal_size"] == 0
    write(store, append("r", 300))


def test_a_reader_in_the_middle_is_not_waited_for(store: SqliteStore, path: Path) -> None:
    write(store, append("r", 0, 300))
    reader = sqlite3.connect(path, isolation_level=None)
    reader.execute("BEGIN")
    reader.execute("SELECT count(*) FROM events").fetchone()
    write(store, append("r", 300))
    for _ in range(3):
        store.next_due("runs")
    assert store.health()["wal_size"] > 0
    reader.close()


def test_the_log_of_writes_starts_over_and_stays_small(path: Path) -> None:
    store = SqliteStore(path, "crash")
    for batch in range(40):
        write(store, append("r", batch * 500, 500))
    assert store.health()["wal_size"] < 16 * 1024 * 1024
    store.close()


def test_a_cleaned_log_says_that_it_was_cut(store: SqliteStore, path: Path) -> None:
    write(store, append("r", 0, 5))
    cleaner = sqlite3.connect(path)
    cleaner.execute("DELETE FROM events WHERE sequence <= 3")
    cleaner.commit()
    cleaner.close()
    with pytest.raises(LogTruncated, match="begins at event 4"):
        store.read("r")
    assert store.read("r", 3) == events(4, 5)


def test_a_log_cannot_be_begun_again_below_its_floor(store: SqliteStore, path: Path) -> None:
    test_a_cleaned_log_says_that_it_was_cut(store, path)
    (verdict,) = store.commit([append("r", 0)])
    assert verdict == Conflict(5)


def test_an_append_to_a_pruned_run_is_refused_whatever_its_writer_knew(store: SqliteStore) -> None:
    other = SqliteStore(store.path)
    write(store, append("r", 0, 3))
    write(other, append("r", 3, puts=[put("runs", "r", status="completed")]))
    other.prune(["r"])
    other.close()
    (verdict,) = store.commit([append("r", 3)])
    assert verdict == Conflict(0)
    assert store.read("r") == []


def test_positions_are_not_given_twice_after_pruning(store: SqliteStore) -> None:
    write(store, append("a", 0, 3, puts=[put("runs", "a", status="completed")]))
    _, cursor = store.follow()
    store.prune(["a"])
    write(store, append("b", 0, 2))
    assert [run for run, _ in store.follow(cursor)[0]] == ["b", "b"]


def test_numbers_of_letters_are_not_given_twice_though_the_run_has_no_row(store: SqliteStore) -> None:
    write(store, send("r", "a", "b"), Change(run="r", take=2), send("r", "c"))
    assert [letter.number for letter in store.inbox("r")] == [3]
    write(store, puts(put("runs", "r")), puts(Put("runs", "r", None)), send("r", "d"))
    assert [letter.number for letter in store.inbox("r")] == [3, 4]


# ── clocks ──


def test_setting_the_wall_clock_neither_ends_nor_prolongs_a_lease(path: Path) -> None:
    host = Host()
    store = SqliteStore(path, "crash", host=host)
    write(store, puts(put("runs", "r", state="ready")))
    assert len(store.claim("runs", "me", ttl=10)) == 1
    host.wall.advance(86_400)
    assert store.claim("runs", "you", ttl=10) == []
    host.wall.advance(-2 * 86_400)
    host.since_boot.advance(10)
    assert len(store.claim("runs", "you", ttl=10)) == 1
    store.close()


def test_a_delay_is_wall_time(path: Path) -> None:
    host = Host()
    store = SqliteStore(path, "crash", host=host)
    write(store, puts(put("runs", "r", state="delayed", due_in=60)))
    host.since_boot.advance(100)
    assert store.claim("runs", "me", ttl=10) == []
    host.wall.advance(60)
    assert len(store.claim("runs", "me", ttl=10)) == 1
    store.close()


def test_a_lease_of_an_earlier_boot_has_lapsed_even_if_wall_time_went_back(path: Path) -> None:
    host = Host()
    store = SqliteStore(path, "crash", host=host)
    write(store, puts(put("runs", "r", state="leased", owner="me", epoch=1, due_in=10_000)))
    store.close()
    host.reboot()
    host.wall.advance(-500_000)
    store = SqliteStore(path, "crash", host=host)
    (claim,) = store.claim("runs", "you", ttl=10)
    assert claim.epoch == 2
    store.close()


def test_processes_of_one_boot_agree_on_lease_time_though_the_wall_clock_was_set_between(path: Path) -> None:
    host = Host()
    store = SqliteStore(path, "crash", host=host)
    write(store, puts(put("runs", "r", state="leased", owner="me", epoch=1, due_in=10)))
    host.wall.advance(86_400)
    other = SqliteStore(path, "crash", host=host)
    assert other.claim("runs", "you", ttl=10) == []
    host.since_boot.advance(10)
    assert len(other.claim("runs", "you", ttl=10)) == 1
    other.close()
    store.close()


# ── syncs that fail ──


def test_a_failed_sync_is_reported_once_and_everything_is_written_again(
    store: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(store, append("r", 0))
    tried: list[int] = []

    def broken(fd: int) -> None:
        tried.append(fd)
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(store._writer, "_fdatasync", broken)
    with pytest.raises(StoreUnavailable, match="could not keep what was written"):
        store.commit([append("r", 1)])
    assert len(tried) == 1
    monkeypatch.setattr(store._writer, "_fdatasync", os.fdatasync)
    assert store.read("r") == events(1, 2)
    store.sync()
    assert store.health()["wal_size"] == 0, "the log was moved into the database, which was synced"
    write(store, append("r", 2))


def test_power_syncs_every_commit_once_and_crash_never(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[int] = []
    for durability, wanted in (("power", 4), ("crash", 0)):
        store = SqliteStore(path.with_name(durability), durability)  # type: ignore[arg-type]
        monkeypatch.setattr(store._writer, "_fdatasync", synced.append)
        write(store, append("r", 0))
        write(store, append("r", 1), append("s", 0))
        write(store, puts(put("runs", "r", state="ready")))
        store.claim("runs", "me", ttl=5)
        store.extend("runs", [("r", 1)], 5)
        assert store.claim("runs", "me", ttl=5) == []
        assert len(synced) == wanted
        synced.clear()
        store.close()


def test_a_duplicate_is_told_only_when_it_is_on_the_disk(
    store: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    change = append("r", 0, key="k", digest="d")
    write(store, change)
    synced: list[int] = []
    monkeypatch.setattr(store._writer, "_fdatasync", synced.append)
    assert kinds(store.commit([change])) == [Duplicate]
    assert len(synced) == 1


# ── what a batch costs its members ──


def test_in_a_batch_of_appends_a_conflict_costs_only_the_loser(store: SqliteStore) -> None:
    write(store, append("b", 0, 2))
    verdicts = store.commit(
        [append("a", 0, 3), append("b", 1, 2), append("c", 0), append("a", 3), append("c", 2)]
    )
    assert [type(verdict).__name__ for verdict in verdicts] == ["Ok", "Conflict", "Ok", "Ok", "Conflict"]
    assert (store.read("a"), store.read("b"), store.read("c")) == (events(1, 4), events(1, 2), events(1, 1))


def test_an_append_beyond_the_end_is_a_conflict_and_leaves_no_hole(store: SqliteStore) -> None:
    write(store, append("r", 0, 2))
    assert store.commit([append("r", 5)]) == [Conflict(2)]
    assert store.commit([append("r", 3, 20)]) == [Conflict(2)]
    assert store.check() == []


def test_hundreds_of_threads_share_one_store(store: SqliteStore) -> None:
    errors: list[BaseException] = []

    def work(name: str) -> None:
        try:
            for sequence in range(5):
                write(store, append(name, sequence))
            assert len(store.read(name)) == 5
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=(f"r{n}",)) for n in range(200)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert store.check() == []


# ── plans ──

HOT = [
    ("last_sequence", ("r",)),
    ("read_events", ("r", 0, 10)),
    ("follow", (0, 10)),
    ("inbox", ("r", 0)),
    ("find_key", ("r", "k")),
    ("take_letters", ("r", 1)),
    ("read_logs", ("r", 0, 10)),
    ("append_first", ("r", "r", 1, 2, 1.0, "k", None, None, "")),
]
ABOUT = {"wall": 1.0, "lease": 1.0, "queue": None, "skip": "[]"}
LEASING = [
    ("candidates_ready", ("default", "[]", 16)),
    ("candidates_due", {**ABOUT, "limit": 16}),
    ("candidates_named", {**ABOUT, "ids": '["a"]'}),
    ("ready_queues", ()),
    ("lease", ("me", 1.0, 1.0, "[1]")),
    ("extend", {"due": 1.0, "held": '[["a",1]]'}),
    ("held_gates", (1.0,)),
    ("any_ready", {"queues": None}),
    ("first_delayed", {"queues": None}),
    ("first_lapse", {"queues": None}),
]


def test_hot_statements_use_an_index(store: SqliteStore) -> None:
    for name, parameters in HOT:
        _assert_no_scan(store, queries.statements()[name], parameters)
    for table in ("runs", "queued"):
        for name, parameters in LEASING:
            _assert_no_scan(store, queries.on_table(name, table), parameters)


def test_the_steps_of_one_run_are_found_by_index(store: SqliteStore) -> None:
    _assert_no_scan(store, "SELECT * FROM steps WHERE run = ?", ("r",))


def test_runs_that_are_not_completed_are_found_by_index(store: SqliteStore) -> None:
    sql = tables.find("runs", ("status",), prefix=False, after=False, newest_first=True, is_open=True)
    plan = store._readers.all(f"EXPLAIN QUERY PLAN {sql}", ("failed", 10))
    assert "runs_open" in plan[0][3]


def _assert_no_scan(store: SqliteStore, sql: str, parameters: Any) -> None:
    plan = [row[3] for row in store._readers.all(f"EXPLAIN QUERY PLAN {sql}", parameters)]
    scans = [
        step
        for step in plan
        if step.startswith("SCAN") and not step.split()[1].startswith(PASSABLE) and "INDEX" not in step
    ]
    assert not scans, (sql, plan)


PASSABLE = ("json_each", "CONSTANT", "(subquery-", "names")


# ── what people ask ──


def test_people_can_ask_for_steps_and_tasks_in_sql(store: SqliteStore, path: Path) -> None:
    log = [
        Row(1, 1.0, "run_started", None, None, "{}"),
        Row(2, 2.0, "step_started", "load", None, '{"attempt":1}'),
        Row(3, 3.0, "step_failed", "load", None, '{"attempt":1,"error":{},"retry_at":4.0}'),
        Row(4, 4.0, "step_started", "load", None, '{"attempt":2}'),
        Row(5, 5.0, "step_done", "load", None, '{"value":1}'),
        Row(6, 5.0, "step_started", "clean", None, '{"attempt":1}'),
        Row(7, 6.0, "step_started", "each", 7, '{"attempt":1}'),
        Row(8, 7.0, "step_failed", "clean", None, '{"attempt":1,"error":{}}'),
        Row(9, 8.0, "step_skipped", "save", None, "{}"),
    ]
    write(store, Change(run="r", expect=0, events=log))
    asked = sqlite3.connect(path)
    steps = asked.execute(
        "SELECT step, item, status, attempt, started_at, ended_at FROM steps WHERE run = 'r' ORDER BY at, step"
    )
    assert steps.fetchall() == [
        ("load", None, "completed", 2, 4.0, 5.0),
        ("each", 7, "running", 1, 6.0, None),
        ("clean", None, "failed", 1, 5.0, 7.0),
        ("save", None, "skipped", 0, None, 8.0),
    ]
    tasks = asked.execute("SELECT task_name, status FROM tasks ORDER BY task_name").fetchall()
    assert tasks == [("clean", "FAILED"), ("load", "COMPLETED"), ("save", "SKIPPED")]
    asked.close()


def test_a_guard_on_an_absent_row_is_refused_with_the_row(store: SqliteStore) -> None:
    write(store, puts(put("runs", "r", data="x")))
    (verdict,) = store.commit([Change(guards=[Guard("runs", "r", None)])])
    assert isinstance(verdict, Refused)
    assert verdict.actual is not None
    assert verdict.actual["data"] == "x"


def test_a_value_that_a_column_cannot_hold_raises_and_nothing_of_the_batch_is_written(
    store: SqliteStore,
) -> None:
    with pytest.raises(ValueError, match=r"runs\.status"):
        store.commit([append("r", 0), puts(put("runs", "r", status=None))])
    assert store.read("r") == []
