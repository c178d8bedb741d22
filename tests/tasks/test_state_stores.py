"""Task states by name: both stores alike, shared by threads and processes, killed in the middle, cheap however many."""

from __future__ import annotations

import gc
import json
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

import penstock
from penstock.errors import (
    CodecError,
    DefinitionError,
    SettingsError,
    StoreCorrupt,
    StoreForeign,
)
from penstock.tasks import (
    BaseStateStore,
    JSONStateStore,
    SequentialExecutor,
    SQLiteStateStore,
    TaskStatus,
    Workflow,
    task,
)
from tests.descriptors import open_now

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
        saver.communicate(timeout=300)
        assert saver.returncode == 0
    store = STORES[kind](tmp_path)
    names = [f"{p}-{t}-{n}" for p in range(4) for t in range(4) for n in range(250)]
    assert [store.load_task_state(name)["result"] for name in names] == list(range(250)) * 16


@pytest.mark.parametrize("kind", list(STORES))
def test_a_process_that_is_killed_loses_nothing_that_was_saved(kind: str, tmp_path: Path) -> None:
    for life in range(12):
        saver = start(kind, tmp_path, str(life), 10_000, 2)
        assert saver.stdout is not None
        told = [saver.stdout.readline().strip()]
        time.sleep(0.02 * life)
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


def written_bytes() -> int:
    """What this process has handed to the system to be written, so far."""
    return int(Path("/proc/self/io").read_text().partition("wchar: ")[2].split()[0])


def filled(path: Path, tasks: int, result: Any = None) -> JSONStateStore:
    store = JSONStateStore(path)
    for number in range(tasks):
        store.save_task_state(f"task{number}", "completed", number if result is None else result)
    return store


def test_a_save_costs_no_more_with_ten_times_the_tasks(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    cost = {}
    for tasks in (500, 5_000):
        before = written_bytes()
        filled(tmp_path / f"{tasks}.json", tasks)
        cost[tasks] = (written_bytes() - before) // tasks
    record_property(
        "told", f"json states: {cost[500]:,} bytes written per task of 500, {cost[5_000]:,} of 5,000"
    )
    assert cost[5_000] < 2 * cost[500]


def test_large_results_are_not_written_again_with_every_save(tmp_path: Path) -> None:
    before = written_bytes()
    filled(tmp_path / "state.json", 60, "x" * 100_000)
    assert written_bytes() - before < 4 * 60 * 100_000


def test_a_damaged_file_is_set_aside_and_said_so(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    path.write_text('{"tasks": {"one": ')
    with pytest.raises(StoreCorrupt, match=r"set aside as state\.json\.corrupt"):
        JSONStateStore(path).load_task_state("one")
    assert (tmp_path / "state.json.corrupt").read_text() == '{"tasks": {"one": '
    JSONStateStore(path).save_task_state("one", "completed", 1)
    assert json.loads(path.read_text())["tasks"]["one"]["status"] == "completed"


def test_a_damaged_journal_is_set_aside_and_the_file_counts(tmp_path: Path) -> None:
    store = filled(tmp_path / "state.json", 300)
    kept = set(json.loads(store.path.read_bytes())["tasks"])
    lines = store.journal.read_bytes().splitlines(keepends=True)
    assert len(lines) > 3
    lines[2] = lines[2].replace(b'"status"', b'"stat\x00s"')
    store.journal.write_bytes(b"".join(lines))
    other = JSONStateStore(store.path)
    with pytest.raises(StoreCorrupt, match=r"journal\.corrupt\. What is in state\.json is whole"):
        other.load_task_state("task0")
    assert {f"task{n}" for n in range(300) if other.load_task_state(f"task{n}") is not None} == kept
    other.save_task_state("task299", "completed", 299)
    assert JSONStateStore(store.path).load_task_state("task299") is not None


def test_the_journal_of_a_damaged_file_goes_aside_with_it(tmp_path: Path) -> None:
    store = filled(tmp_path / "state.json", 300)
    whole, journal = store.path.read_bytes(), store.journal.read_bytes()
    store.path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(StoreCorrupt, match=r"state\.json\.corrupt and state\.json\.journal\.corrupt"):
        store.load_task_state("task0")
    assert store.load_task_state("task0") is None
    (tmp_path / "state.json.journal.corrupt").rename(store.journal)
    store.path.write_bytes(whole)
    assert store.journal.read_bytes() == journal
    assert all(store.load_task_state(f"task{n}") is not None for n in range(300))


@pytest.mark.parametrize("content", [b"SQLite format 3\0", b'{"name": "a package"}', b"[1, 2]"])
def test_a_file_of_somebody_else_is_refused_and_left_alone(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "theirs"
    path.write_bytes(content)
    for call in (lambda s: s.load_task_state("one"), lambda s: s.save_task_state("one", "completed")):
        with pytest.raises(StoreForeign, match="name another file"):
            call(JSONStateStore(path))
    assert path.read_bytes() == content


def test_an_empty_file_is_taken_as_new(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    path.touch()
    JSONStateStore(path).save_task_state("one", "completed", 1)
    assert json.loads(path.read_bytes())["tasks"]["one"]["result"] == 1


def test_a_file_that_is_removed_takes_its_journal_with_it(tmp_path: Path) -> None:
    store = filled(tmp_path / "state.json", 300)
    store.path.unlink()
    for each in (store, JSONStateStore(store.path)):
        assert [n for n in range(300) if each.load_task_state(f"task{n}") is not None] == []
    store.save_task_state("first", "completed", 1)
    assert set(json.loads(store.path.read_bytes())["tasks"]) == {"first"}


def test_a_backup_that_is_put_back_counts_as_it_is(tmp_path: Path) -> None:
    store = filled(tmp_path / "state.json", 200)
    store.close()
    backup = store.path.read_bytes()
    for number in range(400):
        store.save_task_state(f"task{number}", "failed", error="no luck")
    store.path.write_bytes(backup)
    for each in (store, JSONStateStore(store.path)):
        assert [each.load_task_state(f"task{n}")["status"] for n in range(200)] == ["completed"] * 200
        assert each.load_task_state("task300") is None
    store.save_task_state("after", "completed", 1)
    other = JSONStateStore(store.path)
    assert [other.load_task_state(f"task{n}")["status"] for n in range(200)] == ["completed"] * 200
    assert other.load_task_state("after") is not None


def test_closing_puts_all_into_the_file(tmp_path: Path) -> None:
    store = filled(tmp_path / "state.json", 300)
    assert len(json.loads(store.path.read_bytes())["tasks"]) < 300
    store.close()
    assert len(json.loads(store.path.read_bytes())["tasks"]) == 300
    assert store.load_task_state("task299") is not None


def test_a_journal_that_was_removed_is_missed_but_does_no_harm(tmp_path: Path) -> None:
    store = filled(tmp_path / "state.json", 300)
    kept = set(json.loads(store.path.read_bytes())["tasks"])
    store.journal.unlink()
    store.save_task_state("next", "completed", 1)
    found = {name for name in [*(f"task{n}" for n in range(300)), "next"] if store.load_task_state(name)}
    assert found == kept | {"next"}


LIMITED = """
import resource, signal, sys
from penstock.errors import StoreFull
from tests.tasks.test_state_stores import filled
store = filled(sys.argv[1], 300)
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (store.journal.stat().st_size + 20, resource.RLIM_INFINITY))
try:
    store.save_task_state("refused", "completed", 1)
except StoreFull:
    assert store.load_task_state("refused") is None
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    store.save_task_state("next", "completed", 1)
    print("refused")
"""


def test_a_save_that_the_disk_refuses_raises_and_counts_nowhere(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    command = [sys.executable, "-c", LIMITED, str(path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("refused\n", "")
    other = JSONStateStore(path)
    assert other.load_task_state("refused") is None
    assert other.load_task_state("next") is not None
    assert other.load_task_state("task299") is not None


@pytest.mark.parametrize("name", ["", None, 3, "\udcff"])
def test_what_can_be_no_name_is_refused(make: Callable[[], Any], name: Any) -> None:
    store = make()
    with pytest.raises(DefinitionError, match="task_name="):
        store.save_task_state(name, "completed", 1)
    store.save_task_state("next", "completed", 1)


def test_a_status_that_means_nothing_is_refused_with_those_that_do(make: Callable[[], Any]) -> None:
    with pytest.raises(DefinitionError, match=r"'done' .*pending, running, completed"):
        make().save_task_state("one", "done")


def test_what_is_saved_last_is_loaded_though_the_clock_went_back(make: Callable[[], Any]) -> None:
    store, at = make(), datetime(2026, 11, 21, 12, tzinfo=UTC)
    store.save_task_state("one", "running", timestamp=at)
    store.save_task_state("one", "completed", 1, timestamp=at - timedelta(seconds=3))
    assert (store.load_task_state("one")["status"], make().load_task_state("one")["result"]) == (
        "completed",
        1,
    )


def test_an_error_about_a_file_of_an_odd_name_is_kept(make: Callable[[], Any]) -> None:
    make().save_task_state("one", "failed", error="no file \udcff")
    assert "no file" in make().load_task_state("one")["error"]


def test_a_store_in_memory_or_a_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="name a file, or leave it out"):
        SQLiteStateStore(":memory:")
    with pytest.raises(SettingsError, match="is a folder; name a file"):
        JSONStateStore(tmp_path)


def test_a_forked_child_that_closes_saves_beside_its_parent(make: Callable[[], Any]) -> None:
    store = make()
    store.save_task_state("parent", "completed", 1)
    child = os.fork()
    if child == 0:
        try:
            store.close()
            store.save_task_state("child", "completed", 2)
            os._exit(0)
        finally:
            os._exit(1)
    assert os.waitpid(child, 0)[1] == 0
    store.save_task_state("parent again", "completed", 3)
    names = ("parent", "child", "parent again")
    assert [make().load_task_state(name)["result"] for name in names] == [1, 2, 3]


ORDERS = """
import sys
from dataclasses import dataclass
from pathlib import Path
from penstock.errors import WorkflowExecutionError
from penstock.tasks import SequentialExecutor, Workflow, task
from tests.tasks.test_state_stores import STORES
@dataclass
class Order:
    number: int
@task
def load() -> Order:
    print("loaded")
    return Order(3)
@task
def use(load: Order) -> int:
    if sys.argv[3] == "break":
        raise RuntimeError("no luck")
    return load.number
flow = Workflow("orders")
flow.add_task(load)
flow.add_task(use, depends_on=["load"])
store = STORES[sys.argv[1]](Path(sys.argv[2]))
try:
    SequentialExecutor(state_store=store, resume_scope="task").execute(flow)
    print(flow.get_task_result("use"))
except WorkflowExecutionError as error:
    print(error.failed_task)
"""


@pytest.mark.parametrize("kind", list(STORES))
def test_what_is_executed_is_a_run_in_the_store(kind: str, tmp_path: Path) -> None:
    command = [sys.executable, "-c", ORDERS, kind, str(tmp_path), "break"]
    subprocess.run(command, cwd=ROOT, capture_output=True, check=True)
    store = STORES[kind](tmp_path)
    with penstock.open(store.address) as engine:
        (row,) = engine.rows()
    assert (row["workflow"], row["status"]) == ("orders", "failed")
    failed, loaded = store.load_task_state("use"), store.load_task_state("load")
    assert (failed["status"], failed["error"]) == (TaskStatus.FAILED, "no luck")
    assert (loaded["status"], loaded["result"].data) == (TaskStatus.COMPLETED, {"number": 3})


def test_what_a_run_recorded_is_shown_in_the_file_beside_what_was_saved(tmp_path: Path) -> None:
    store = JSONStateStore(tmp_path / "state.json")
    store.save_task_state("mine", "completed", 1)
    subprocess.run(
        [sys.executable, "-c", ORDERS, "json", str(tmp_path), "break"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    shown = json.loads(store.path.read_bytes())["tasks"]
    assert {name: state["status"] for name, state in shown.items()} == {
        "mine": "completed", "load": "completed", "use": "failed",
    }  # fmt: skip
    assert all(state.keys() == {"status", "result", "error", "timestamp"} for state in shown.values())
    for name, state in shown.items():
        assert store.load_task_state(name)["timestamp"] == datetime.fromisoformat(state["timestamp"])


def test_a_large_result_of_a_run_comes_back(tmp_path: Path) -> None:
    @task
    def large() -> str:
        return "x" * 200_000

    flow, store = Workflow("large"), JSONStateStore(tmp_path / "state.json")
    flow.add_task(large)
    SequentialExecutor(state_store=store).execute(flow)
    penstock.close_all()
    assert JSONStateStore(store.path).load_task_state("large")["result"] == "x" * 200_000
    assert store.path.stat().st_size < 300_000


@pytest.mark.parametrize("recorded", [False, True])
def test_what_is_written_into_the_file_by_hand_counts(tmp_path: Path, recorded: bool) -> None:
    store = JSONStateStore(tmp_path / "state.json")
    if recorded:
        flow = Workflow("one")
        flow.add_task(task(name="one")(lambda: 1))
        SequentialExecutor(state_store=store).execute(flow)
        penstock.close_all()
    else:
        store.save_task_state("one", "completed", 1)
    whole = json.loads(store.path.read_bytes())
    whole["tasks"]["one"]["status"] = "PENDING"
    store.path.write_text(json.dumps(whole))
    store.save_task_state("two", "completed", 2)
    for each in (store, JSONStateStore(store.path)):
        assert each.load_task_state("one")["status"] is TaskStatus.PENDING
        assert each.load_task_state("two")["result"] == 2


def test_a_file_of_the_documented_shape_alone_is_read(tmp_path: Path) -> None:
    at = "2026-11-21T12:00:00"
    state = {"status": "COMPLETED", "result": [1], "error": None, "timestamp": at}
    (tmp_path / "state.json").write_text(json.dumps({"tasks": {"one": state}}))
    assert JSONStateStore(tmp_path / "state.json").load_task_state("one") == {
        "status": TaskStatus.COMPLETED, "result": [1], "error": None, "timestamp": datetime.fromisoformat(at),
    }  # fmt: skip


def test_a_saved_value_that_looks_like_a_reference_is_itself(make: Callable[[], Any]) -> None:
    make().save_task_state("one", "completed", {"blob": "0" * 64})
    assert make().load_task_state("one")["result"] == {"blob": "0" * 64}


def test_a_store_that_is_forgotten_keeps_no_file_open(tmp_path: Path) -> None:
    filled(tmp_path / "state.json", 1)
    before = open_now()
    for _ in range(10):
        filled(tmp_path / "state.json", 1)
    gc.collect()
    assert open_now() - before == set()


@pytest.mark.parametrize("kind", list(STORES))
def test_a_value_of_the_workflows_class_is_restored_as_such_by_the_next_process(
    kind: str, tmp_path: Path
) -> None:
    told = [
        subprocess.run(
            [sys.executable, "-c", ORDERS, kind, str(tmp_path), how],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
        ).stdout.split()
        for how in ("break", "go on")
    ]
    assert told == [["loaded", "use"], ["3"]]


def test_a_line_that_was_cut_off_is_cut_away(tmp_path: Path) -> None:
    store = filled(tmp_path / "state.json", 300)
    with open(store.journal, "ab") as journal:
        journal.write(b'{"task": "torn", "stat')
    other = JSONStateStore(tmp_path / "state.json")
    other.save_task_state("next", "completed", 1)
    assert JSONStateStore(tmp_path / "state.json").load_task_state("torn") is None
    assert store.load_task_state("next") is not None
