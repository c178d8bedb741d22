"""Task states by name: both stores alike, shared by threads and processes, killed in the middle, cheap however many."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from penstock.errors import CodecError, StoreCorrupt
from penstock.tasks import BaseStateStore, JSONStateStore, SQLiteStateStore, TaskStatus, json_states

STORES: dict[str, Callable[[Path], Any]] = {
    "json": lambda folder: JSONStateStore(folder / "state.json"),
    "sqlite": lambda folder: SQLiteStateStore(folder / "state.db"),
}


@pytest.fixture(params=list(STORES))
def make(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], Any]:
    return lambda: STORES[request.param](tmp_path)


def test_the_newest_state_comes_back_as_it_went_in(make: Callable[[], Any]) -> None:
    store, at = make(), datetime(2026, 11, 21, 12, tzinfo=UTC)
    store.save_task_state("load", "RUNNING", timestamp=at)
    store.save_task_state("load", TaskStatus.COMPLETED, ("a", {1, 2}), None, at)
    other = make()
    assert isinstance(other, BaseStateStore)
    for each in (store, other):
        assert each.load_task_state("load") == {
            "status": TaskStatus.COMPLETED, "result": ("a", {1, 2}), "error": None, "timestamp": at,
        }  # fmt: skip
    assert other.load_task_state("nobody") is None


@pytest.mark.parametrize("status", list(TaskStatus))
def test_every_status_comes_back(make: Callable[[], Any], status: TaskStatus) -> None:
    make().save_task_state("one", status, error="no luck" if status is TaskStatus.FAILED else None)
    found = make().load_task_state("one")
    assert (found["status"], found["error"]) == (status, "no luck" if status is TaskStatus.FAILED else None)


def test_a_result_that_cannot_be_stored_is_refused_and_nothing_is_lost(make: Callable[[], Any]) -> None:
    store = make()
    store.save_task_state("one", "completed", 1)
    with pytest.raises(CodecError):
        store.save_task_state("one", "completed", threading.Lock())
    store.save_task_state("two", "completed", 2)
    assert [make().load_task_state(name)["result"] for name in ("one", "two")] == [1, 2]


def test_tasks_are_asked_for_in_sql(tmp_path: Path) -> None:
    store = SQLiteStateStore(tmp_path / "state.db")
    store.save_task_state("load", "completed", 1)
    store.save_task_state("clean", "failed", error="no luck")
    store.save_task_state("report", "pending")
    with sqlite3.connect(tmp_path / "state.db") as database:
        found = database.execute("SELECT task_name, status FROM tasks").fetchall()
    assert sorted(found) == [("clean", "FAILED"), ("load", "COMPLETED"), ("report", "PENDING")]


SAVER = """
import os, sys, threading
from pathlib import Path
from tests.tasks.test_state_stores import STORES
kind, folder, process, saves = sys.argv[1], Path(sys.argv[2]), sys.argv[3], int(sys.argv[4])
store = STORES[kind](folder)
def save(thread):
    for number in range(saves):
        store.save_task_state(f"{process}-{thread}-{number}", "completed", number)
        os.write(1, f"{process}-{thread}-{number}\\n".encode())
threads = [threading.Thread(target=save, args=(n,)) for n in range(int(sys.argv[5]))]
for thread in threads: thread.start()
for thread in threads: thread.join()
"""
ROOT = Path(__file__).resolve().parents[2]


def start(kind: str, folder: Path, process: str, saves: int, threads: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", SAVER, kind, str(folder), process, str(saves), str(threads)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT)


@pytest.mark.parametrize("kind", list(STORES))
def test_four_threads_in_each_of_four_processes_lose_nothing(kind: str, tmp_path: Path) -> None:
    savers = [start(kind, tmp_path, str(n), 250, 4) for n in range(4)]
    for saver in savers:
        saver.communicate(timeout=120)
        assert saver.returncode == 0
    store = STORES[kind](tmp_path)
    names = [f"{p}-{t}-{n}" for p in range(4) for t in range(4) for n in range(250)]
    assert [store.load_task_state(name)["result"] for name in names] == list(range(250)) * 16


@pytest.mark.parametrize("kind", list(STORES))
def test_a_process_that_is_killed_loses_nothing_that_was_saved(kind: str, tmp_path: Path) -> None:
    for life in range(8):
        saver = start(kind, tmp_path, str(life), 10_000, 2)
        assert saver.stdout is not None
        told = [saver.stdout.readline().strip()]
        time.sleep(0.03 * life)
        os.kill(saver.pid, signal.SIGKILL)
        told += [
            line.strip() for line in saver.stdout.read().splitlines(keepends=True) if line.endswith("\n")
        ]
        saver.stdout.close()
        saver.wait()
        store = STORES[kind](tmp_path)
        assert [name for name in told if store.load_task_state(name) is None] == []
        if kind == "json":
            json.loads((tmp_path / "state.json").read_bytes())


def test_a_save_costs_no_more_with_ten_times_the_tasks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = 0

    def count(text: str, *_: Any) -> None:
        nonlocal written
        written += len(text)

    dumps = json.dumps
    monkeypatch.setattr(
        json_states.json, "dumps", lambda value, **how: (text := dumps(value, **how), count(text))[0]
    )
    monkeypatch.setattr(json_states.os, "fsync", lambda _: None)
    monkeypatch.setattr(json_states.os, "fdatasync", lambda _: None)
    cost = {}
    for tasks in (500, 5_000):
        written, store = 0, JSONStateStore(tmp_path / f"{tasks}.json")
        for number in range(tasks):
            store.save_task_state(f"task{number}", "completed", number)
        cost[tasks] = written / tasks
    assert cost[5_000] < 2 * cost[500]


def test_a_damaged_file_is_set_aside_and_said_so(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    path.write_text('{"tasks": {"one": ')
    with pytest.raises(StoreCorrupt, match=r"set aside as state\.json\.corrupt"):
        JSONStateStore(path).load_task_state("one")
    assert (tmp_path / "state.json.corrupt").read_text() == '{"tasks": {"one": '
    JSONStateStore(path).save_task_state("one", "completed", 1)
    assert json.loads(path.read_text())["tasks"]["one"]["status"] == "completed"


def test_a_line_that_was_cut_off_is_cut_away(tmp_path: Path) -> None:
    store = JSONStateStore(tmp_path / "state.json")
    for number in range(100):
        store.save_task_state(f"task{number}", "completed", number)
    with open(store.journal, "ab") as journal:
        journal.write(b'{"task": "torn", "stat')
    other = JSONStateStore(tmp_path / "state.json")
    other.save_task_state("next", "completed", 1)
    assert JSONStateStore(tmp_path / "state.json").load_task_state("torn") is None
    assert store.load_task_state("next") is not None
