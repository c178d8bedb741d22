"""A disk that fills up in the middle of a run, and a store that cannot be written: told as such, nothing lost, gone on with."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from penstock.app import Engine, open_engine
from penstock.errors import StoreFull, StoreReadOnly
from penstock.stores.sqlite import SqliteStore
from penstock.tasks import Workflow, task
from tests.faults.bulky import ITEMS, bulky
from tests.faults.lives import check_log, committed, wait_until

DISK_BYTES = 8 * 1024 * 1024
BALLAST_BYTES = 6 * 1024 * 1024
BEYOND = list(
    range(1_000_000)
)  # an input that has no room in what the disk has left, nor in the store's own file
EXPECTED = sum(range(ITEMS))


class Disk:
    """A small file system with a store on it, filled up but for two megabytes."""

    def __init__(self, place: Path, side: Path) -> None:
        self.store = place / "store.db"
        self.ballast = place / "ballast"
        self.side = side
        self.ballast.write_bytes(b"x" * BALLAST_BYTES)

    def make_room(self) -> None:
        self.ballast.unlink()

    def done(self, run: str) -> set[int | None]:
        """The items that are committed."""
        store = SqliteStore(self.store)
        log = store.read(run, 0, 100_000)
        store.close()
        check_log(log)
        return {item for step, item in committed(log) if step == "bulk"}

    def begun(self) -> list[int]:
        """The items whose code ran, in order."""
        return [int(line.split()[0]) for line in self.side.read_text().splitlines()]


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    place = tmp_path / "disk"
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES}", "penstock-test", str(place)]
    mounted = subprocess.run(command, capture_output=True, text=True, check=False)
    if mounted.returncode:
        pytest.skip(f"no small file system can be mounted here: {mounted.stderr.strip()}")
    yield Disk(place, tmp_path / "side")
    subprocess.run(["umount", "-l", str(place)], check=True)


@pytest.fixture
def engine(disk: Disk) -> Iterator[Engine]:
    with open_engine(str(disk.store)) as engine:
        yield engine


def fill_up(engine: Engine, executor: str, disk: Disk) -> str:
    """Run until the disk is full; the run's id."""
    with pytest.raises(StoreFull, match=r"no room left for .*store.db; nothing recorded was lost: make room"):
        bulky(executor).using(store=engine).run(side=str(disk.side))
    return engine.get("latest").id


@pytest.mark.parametrize("executor", ["inline", "threads", "processes"])
def test_a_run_that_fills_the_disk_says_so_and_goes_on_when_there_is_room(
    executor: str, engine: Engine, disk: Disk
) -> None:
    run = fill_up(engine, executor, disk)
    before = disk.done(run)
    begun = len(disk.begun())
    assert 20 < len(before) < ITEMS
    disk.make_room()
    assert engine.resume(run, bulky(executor), wait=True).result() == EXPECTED
    assert before & set(disk.begun()[begun:]) == set(), "what is committed is not done again"
    assert disk.done(run) == set(range(ITEMS))


def test_the_run_is_let_go_so_that_another_engine_may_have_it(engine: Engine, disk: Disk) -> None:
    run = fill_up(engine, "inline", disk)
    disk.make_room()
    store = engine.durable_store()
    wait_until(lambda: store.get("runs", [run])[run]["state"] == "ready", "the lease is given back")
    with open_engine(str(disk.store)) as other:
        assert other.resume(run, bulky("inline"), wait=True).result() == EXPECTED


def test_the_engine_goes_on_with_other_runs_when_there_is_room(engine: Engine, disk: Disk) -> None:
    """Also the driver in the background, which has met the full disk."""
    flow = bulky("threads")
    failed = flow.using(store=engine).start(side=str(disk.side))
    with pytest.raises(StoreFull):
        failed.result(timeout=60)
    disk.make_room()
    assert engine.resume(failed.id, flow).result(timeout=60) == EXPECTED
    assert flow.using(store=engine).start(side=str(disk.side)).result(timeout=60) == EXPECTED


def chatter(n: int) -> str:
    for _ in range(60):
        print("x" * 8_000)  # after a few items there is room for rows, and for no more of this
    return "x" * 8_000


def test_what_steps_print_may_be_lost_on_a_full_disk_but_does_not_end_the_driver(
    disk: Disk, caplog: pytest.LogCaptureFixture
) -> None:
    flow = Workflow("chatter")
    flow.add_task(task(chatter).map(n="numbers"))
    with open_engine(str(disk.store), capture_echo=False) as engine:
        with pytest.raises(StoreFull):
            flow.using(store=engine).start(numbers=list(range(ITEMS))).result(timeout=60)
        with pytest.raises(StoreFull):
            flow.using(store=engine).start(numbers=BEYOND).result(timeout=60)  # one that is not even recorded
        assert caplog.text.count("could not be kept: no room left for") == 1, "it is said once"
        disk.make_room()
        assert len(flow.using(store=engine).start(numbers=[1, 2]).result(timeout=60)) == 2


READ_ONLY = """
import os, sys
from penstock.app import open_engine
from penstock.errors import StoreReadOnly
open_engine(sys.argv[1]).close()
os.setuid(65534)
try:
    open_engine(sys.argv[1])
except StoreReadOnly as error:
    print(error)
"""


def test_a_store_that_cannot_be_written_is_told_as_such_when_it_is_opened(tmp_path: Path) -> None:
    place = tmp_path / "store.db"
    open_engine(str(place)).close()
    place.chmod(0o444)
    if os.getuid() != 0:
        with pytest.raises(StoreReadOnly, match=r"cannot be written; give this user the right"):
            open_engine(str(place))
        return
    for folder in (tmp_path, *tmp_path.parents[:3]):
        folder.chmod(0o755)  # so that nobody may look in, and no more
    done = subprocess.run(
        [sys.executable, "-c", READ_ONLY, str(place)], capture_output=True, text=True, check=False
    )
    assert "cannot be written; give this user the right to write both" in done.stdout, done.stderr
