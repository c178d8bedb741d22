"""How the store in a JSON file lives with its file and journal, with other processes, and with what is no file of its own."""

from __future__ import annotations

import errno
import json
import os
import select
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import penstock
from penstock.errors import (
    PenstockError,
    StoreCorrupt,
    StoreForeign,
    StoreTooNew,
    StoreUnavailable,
)
from penstock.model.changes import Change, Conflict, Duplicate, Letter, Row
from penstock.stores.json_file import JsonFileStore, pair
from penstock.stores.json_file.document import SCHEMA
from penstock.stores.sqlite.lock import SideLock
from penstock.testing.store_suite.harness import append, events, keys, kinds, put, puts, row, send, write


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "store.json"


@pytest.fixture
def store(path: Path) -> Iterator[JsonFileStore]:
    store = JsonFileStore(path)
    yield store
    store.close()


def journal_of(path: Path) -> Path:
    return path.with_name(f"{path.name}.journal")


def task_state(
    result: Any = 1, status: str = "completed", at: str = "2026-11-21T12:00:00+00:00"
) -> dict[str, Any]:
    return {"status": status, "result": result, "error": None, "timestamp": at}


# ── files that are no store ──


@pytest.mark.parametrize(
    "content", [b"SQLite format 3\0", b'{"name": "a package"}', b"[1, 2]", b"dear diary"]
)
def test_a_file_of_somebody_else_is_refused_and_left_as_it_is(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    with pytest.raises(StoreForeign, match="name another file"):
        JsonFileStore(path)
    assert path.read_bytes() == content


def test_a_newer_schema_is_refused_with_both_numbers(path: Path) -> None:
    path.write_text(json.dumps({"tasks": {}, "schema": SCHEMA + 1}))
    with pytest.raises(StoreTooNew, match=f"schema {SCHEMA + 1}, this Penstock knows {SCHEMA}"):
        JsonFileStore(path)
    assert path.exists()


@pytest.mark.parametrize(
    "damage",
    [
        {"tasks": {"one": {"status": "done"}}},
        {"tasks": {}, "runs": {"r": {"colour": "red"}}},
        {"tasks": {}, "events": [[1, "r", 1]]},
        {"tasks": {}, "documents": {"d": {}}},
        {"tasks": {}, "blobs": {"b": {"data": {"base64": "!"}}}},
    ],
)
def test_a_document_that_was_not_written_so_is_set_aside(path: Path, damage: Any) -> None:
    path.write_text(json.dumps(damage))
    with pytest.raises(StoreCorrupt, match=r"is damaged .* set aside as store\.json\.corrupt"):
        JsonFileStore(path)
    assert json.loads(path.with_name("store.json.corrupt").read_text()) == damage
    JsonFileStore(path).close()


@pytest.mark.parametrize(
    "line",
    [
        {"at": 1.0, "claim": ["runs", "me", 5, ["nobody"]]},
        {"at": 1.0, "commit": [{"run": "r", "events": [[9, 1.0, "noted", None, None, "{}"]]}]},
        {"at": 1.0, "dance": []},
        {"commit": []},
        {"task": "one", "status": "completed"},
        [],
    ],
)
def test_an_entry_that_does_not_fit_is_set_aside_with_its_journal_and_the_file_counts(
    path: Path, line: Any
) -> None:
    with JsonFileStoreInJournal(path) as store:
        write(store, append("r", 0))
        with open(journal_of(path), "a") as journal:
            journal.write(json.dumps(line) + "\n")
        with pytest.raises(
            StoreCorrupt, match=r"journal\.corrupt\. What is in store\.json is whole and counts"
        ):
            store.read("r")
        assert store.read("r") == []
        write(store, append("r", 0))


class JsonFileStoreInJournal(JsonFileStore):
    """Begins with an empty file, and writes into the journal what comes then."""

    def __init__(self, path: Path) -> None:
        path.write_text('{"tasks": {}, "journal": "mine"}')
        super().__init__(path, "crash")

    def __enter__(self) -> JsonFileStoreInJournal:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


# ── what is kept, and how people see it ──


def test_documents_and_states_of_tasks_keep_their_order(store: JsonFileStore, path: Path) -> None:
    saved = [json.dumps({"task": name, **task_state()}) for name in "abc"]
    with JsonFileStoreInJournal(path) as first:
        for line, other in zip(saved, ("x", "y", "z"), strict=True):
            write(first, puts(put("documents", other, kind="gate")))
            with open(journal_of(path), "a") as journal:
                journal.write(line + "\n")
        order = keys(first.find("documents"))
    assert order == ["x", "task:a", "y", "task:b", "z", "task:c"]
    whole = json.loads(path.read_text())
    assert (list(whole["tasks"]), list(whole["documents"])) == (["a", "b", "c"], ["x", "y", "z"])
    assert keys(store.find("documents")) == order


def test_a_document_that_only_looks_like_a_state_stays_as_it_is(store: JsonFileStore) -> None:
    data = json.dumps(task_state() | {"more": 1})
    write(store, puts(put("documents", "task:one", kind="task", data=data, version=3)))
    write(store, puts(put("documents", "task:two", kind="task", data="no JSON")))
    other = JsonFileStore(store.path)
    assert (row(other, "documents", "task:one")["data"], row(other, "documents", "task:one")["version"]) == (
        data,
        3,
    )
    assert row(other, "documents", "task:two")["data"] == "no JSON"
    assert other.task("one") is None
    other.close()


def test_an_older_state_that_was_saved_is_kept_beside_what_a_run_recorded_later(store: JsonFileStore) -> None:
    write(
        store,
        puts(
            put("documents", "task:one", kind="task", data=json.dumps(task_state()), created=5.0, updated=5.0)
        ),
    )
    done = Row(1, 2e9, "step_done", "one", None, '{"value":2}')
    write(store, Change(run="r", expect=0, events=[done]))
    other = JsonFileStore(store.path)
    assert other.task("one") == done
    assert row(other, "documents", "task:one") == row(store, "documents", "task:one")
    assert json.loads(Path(store.path).read_text())["tasks"]["one"]["result"] == 2
    other.close()


def test_what_pruned_runs_recorded_of_tasks_is_shown_no_more(store: JsonFileStore) -> None:
    done = Row(1, 1.0, "step_done", "one", None, '{"value":2}')
    finished = put("runs", "r", status="completed", state="done")
    write(store, Change(run="r", expect=0, events=[done], puts=[finished]))
    assert store.task("one") == done
    assert store.prune(["r"]) == 1
    assert store.task("one") is None
    assert json.loads(Path(store.path).read_text())["tasks"] == {}


def test_documents_that_were_pruned_are_gone_for_every_handle(store: JsonFileStore) -> None:
    said = put("documents", "gone", kind="cache", data='{"blob":"sha256-x"}')
    write(store, puts(put("blobs", "sha256-x", data=b"x"), said))
    other = JsonFileStore(store.path)
    assert store.prune([], ["gone"]) == 0
    assert (other.find("documents"), other.find("blobs")) == ([], [])
    other.close()


def test_bytes_and_half_characters_come_back(store: JsonFileStore, path: Path) -> None:
    write(
        store,
        puts(
            put("blobs", "text", data=b'{"a":1}'), put("blobs", "bytes", data=b"\xff\0"), put("blobs", "none")
        ),
    )
    write(store, Change(run="\udcff", letters=[Letter(0, 1.0, "signal", "go \udcff", "{}")]))
    other = JsonFileStore(path)
    assert {key: row["data"] for key, row in other.get("blobs", ["text", "bytes", "none"]).items()} == {
        "text": b'{"a":1}', "bytes": b"\xff\0", "none": None,
    }  # fmt: skip
    assert other.inbox("\udcff")[0].name == "go \udcff"
    json.loads(path.read_bytes())
    other.close()


# ── when the file is written ──


def test_a_new_file_is_as_private_as_the_one_before_and_lies_where_a_link_points(path: Path) -> None:
    path.write_text('{"tasks": {}}')
    path.chmod(0o600)
    link = path.with_name("link.json")
    link.symlink_to(path)
    store = JsonFileStore(link)
    write(store, append("r", 0))
    store.close()
    assert (link.is_symlink(), path.stat().st_mode & 0o777) == (True, 0o600)
    assert len(json.loads(path.read_bytes())["events"]) == 1


def test_who_wrote_into_the_journal_moves_it_into_the_file_when_closing(path: Path) -> None:
    store, reader = JsonFileStore(path, "crash"), JsonFileStore(path, "crash")
    write(store, append("r", 0))
    for sequence in range(1, 5):
        write(store, append("r", sequence))
    assert len(json.loads(path.read_bytes())["events"]) == 1
    reader.read("r")
    reader.close()
    assert len(json.loads(path.read_bytes())["events"]) == 1
    store.close()
    assert len(json.loads(path.read_bytes())["events"]) == 5


def test_power_syncs_every_commit_once_and_crash_never(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pair, "SMALL_BYTES", 0)
    synced: list[int] = []
    monkeypatch.setattr(os, "fdatasync", synced.append)
    for durability, wanted in (("power", 3), ("crash", 0)):
        store = JsonFileStore(path.with_name(durability), durability)  # type: ignore[arg-type]
        write(store, puts(*(put("documents", f"d{n}", data="x" * 100) for n in range(100))))
        write(store, append("r", 0))
        write(store, append("r", 1), append("s", 0), puts(put("runs", "r", state="ready")))
        store.claim("runs", "me", ttl=5)
        store.extend("runs", [("r", 1)], 5)
        store.write_logs([("r", "s", None, 1, 5.0, "stdout", "x")])
        assert store.claim("runs", "me", ttl=5) == []
        assert len(synced) == wanted
        synced.clear()
        store.close()


def test_a_duplicate_is_told_only_when_it_is_on_the_disk(
    store: JsonFileStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pair, "SMALL_BYTES", 0)
    change = append("r", 0, key="k", digest="d")
    write(store, append("s", 0, 200))
    write(store, change)
    synced: list[int] = []
    monkeypatch.setattr(os, "fdatasync", synced.append)
    assert kinds(store.commit([change])) == [Duplicate]
    assert len(synced) == 1


def test_what_could_not_be_synced_is_nowhere_and_everything_is_written_again(
    store: JsonFileStore, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pair, "SMALL_BYTES", 0)
    write(store, append("s", 0, 200))
    write(store, append("r", 0))

    def broken(fd: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fdatasync", broken)
        with pytest.raises(StoreUnavailable, match="Input/output error"):
            store.commit([append("r", 1)])
    other = JsonFileStore(path)
    assert store.read("r") == other.read("r") == events(1, 1)
    write(store, append("r", 1))
    assert journal_of(path).stat().st_size == 0
    assert other.read("r") == events(1, 2)
    other.close()


def test_a_choice_that_raises_changes_nothing(store: JsonFileStore) -> None:
    def choose(*_: Any) -> Any:
        raise KeyError("no luck")

    write(store, puts(put("queued", "q", state="ready")))
    with pytest.raises(KeyError, match="no luck"):
        store.claim("queued", "me", ttl=5, choose=choose)
    assert row(store, "queued", "q")["state"] == "ready"


# ── locks and transactions ──


def test_who_holds_the_lock_too_long_is_named(path: Path) -> None:
    store = JsonFileStore(path, patience=0.05)
    lock = SideLock(str(path), 1.0)
    lock.take()
    with pytest.raises(StoreUnavailable, match=rf"process {os.getpid()} .*kill -CONT"):
        store.commit([append("r", 0)])
    assert store.read("r") == []
    lock.close()
    write(store, append("r", 0))
    store.close()


def test_a_step_with_a_transaction_is_refused_with_the_remedy(path: Path) -> None:
    @penstock.task(transaction=True)
    def write_rows(connection: Any) -> None: ...

    flow = penstock.Workflow("rows")
    flow.add_task(write_rows)
    with penstock.open(f"json:///{path}") as engine, pytest.raises(PenstockError, match="own SQLite file"):
        engine.run(flow, {})


# ── several processes ──

WRITER = """
import sys
from penstock.model.changes import Change, Ok, Row
from penstock.stores.json_file import JsonFileStore

store, name, total = JsonFileStore(sys.argv[1]), sys.argv[2], int(sys.argv[3])
while (last := len(store.read("shared"))) < total:
    change = Change(run="shared", expect=last, events=[Row(last + 1, 1.0, "noted", name, None, "x" * 100)])
    if isinstance(store.commit([change])[0], Ok):
        print(last + 1, flush=True)
for claim in iter(lambda: store.claim("queued", name, ttl=60), []):
    print(claim[0].id, flush=True)
"""


def start(path: Path, name: str, total: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", WRITER, str(path), name, str(total)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def test_what_four_processes_were_told_is_so_and_no_row_is_leased_twice(
    store: JsonFileStore, path: Path
) -> None:
    write(store, puts(*(put("queued", f"q{n}", state="ready") for n in range(40))))
    writers = {f"w{n}": start(path, f"w{n}", 400) for n in range(4)}
    told = {name: writer.communicate(timeout=300)[0].split() for name, writer in writers.items()}
    log = store.read("shared")
    assert [event.sequence for event in log] == list(range(1, 401))
    assert {name: [word for word in words if word.isdigit()] for name, words in told.items()} == {
        name: [str(event.sequence) for event in log if event.step == name] for name in writers
    }
    leased = Counter(word for words in told.values() for word in words if not word.isdigit())
    assert leased == Counter(f"q{n}" for n in range(40))
    assert store.check() == []


def test_a_process_that_is_killed_loses_nothing_it_was_told(store: JsonFileStore, path: Path) -> None:
    for life in range(6):
        writer = start(path, f"w{life}", 1_000_000)
        assert writer.stdout is not None
        told = [writer.stdout.readline().strip() for _ in range(1 + 30 * life)]
        os.kill(writer.pid, signal.SIGKILL)
        told += [
            line.strip() for line in writer.stdout.read().splitlines(keepends=True) if line.endswith("\n")
        ]
        writer.stdout.close()
        writer.wait()
        log = store.read("shared", 0, 1_000_000)
        assert [event.sequence for event in log] == list(range(1, len(log) + 1))
        mine = {str(event.sequence) for event in log if event.step == f"w{life}"}
        assert set(told) <= mine
        assert len(mine - set(told)) <= 1
        json.loads(path.read_bytes())
    assert kinds(store.commit([append("shared", 0)])) == [Conflict]


def test_a_bell_is_heard_in_another_process_though_the_file_is_another_now(
    store: JsonFileStore, path: Path
) -> None:
    bell = store.watch(["run:shared"])
    write(store, puts(put("runs", "r")))
    sender = "import sys; from penstock.stores.json_file import JsonFileStore as S; from penstock.model.changes import *; "
    sender += (
        "s = S(sys.argv[1]); s.commit([Change(run='shared', letters=[Letter(0, 1.0, 'signal', 'go', '{}')])])"
    )
    subprocess.run([sys.executable, "-c", sender, str(path)], check=True)
    assert select.select([bell.fileno()], [], [], 10.0)[0]
    assert bell.drain() == {"run:shared"}
    assert [letter.name for letter in store.inbox("shared")] == ["go"]
    bell.close()


def test_letters_and_events_of_two_handles_follow_each_other_across_new_files(
    store: JsonFileStore, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pair, "SMALL_BYTES", 500)
    other = JsonFileStore(path)
    for sequence in range(60):
        write((store, other)[sequence % 2], append("r", sequence))
        write((other, store)[sequence % 2], send("r", f"n{sequence}"))
    assert store.read("r") == other.read("r") == events(1, 60)
    assert [letter.name for letter in store.inbox("r")] == [f"n{n}" for n in range(60)]
    assert store.follow() == other.follow()
    other.close()
