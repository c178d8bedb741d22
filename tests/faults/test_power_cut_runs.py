"""A power cut in the middle of whole runs: what was announced is on the disk, and the run goes on from there.

The disk is that of test_sqlite_power.py: an image that is copied while the process that writes to it is stopped.
"""

from __future__ import annotations

import random
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from penstock.model.changes import Row
from penstock.model.ids import run_id_for
from penstock.stores.sqlite import SqliteStore
from tests.faults.lives import Life, Place, Unit, check_log, committed, results, wait_until
from tests.faults.test_sqlite_power import Disk, disk

__all__ = ["disk"]

CUTS = 5
RUN = run_id_for("driven", "run")


class Cut(NamedTuple):
    """A copy of the disk, and what the process had announced before, in its words."""

    image: Path
    announced: list[str]


@pytest.fixture
def place(tmp_path: Path, disk: Disk) -> Iterator[Place]:
    place = Place(tmp_path, disk.folder / "store.db")
    yield place
    place.close()


def cut_while_running(place: Place, disk: Disk, executor: str, durability: str) -> list[Cut]:
    """Several cuts of one run, the last one when it has finished."""
    chance = random.Random(7)
    life = place.life(executor, durability=durability)
    life.go("run")
    wait_until(life.drives, "the run has begun")
    cuts = []
    for number in range(CUTS):
        enough = len(life.recorded()) + chance.randint(1, 8)
        wait_until(lambda: life.is_over() or len(life.recorded()) >= enough, "more is announced")  # noqa: B023 - it is called here
        time.sleep(chance.uniform(0.0, 0.02))
        if not life.is_over():
            life.stop()
        cuts.append(cut(disk, life, place.folder / f"cut{number}"))
        if not life.is_over():
            life.process.send_signal(signal.SIGCONT)
    assert life.ended().startswith("done ")
    cuts.append(cut(disk, life, place.folder / "last"))
    return cuts


def cut(disk: Disk, life: Life, image: Path) -> Cut:
    disk.cut(image)
    return Cut(image, life.recorded())


def log_after(place: Place, run: str) -> list[Row]:
    """The run's log when the current is back, in a store that is sound."""
    if not place.store.exists():
        return []
    store = SqliteStore(place.store)
    try:
        assert store.check() == []
        return store.read(run, 0, 100_000)
    finally:
        store.close()


@pytest.mark.parametrize(
    ("executor", "durability"), [("inline", "power"), ("threads", "power"), ("inline", "crash")]
)
def test_after_a_power_cut_a_run_goes_on_from_what_it_had_announced(
    executor: str,
    durability: str,
    place: Place,
    disk: Disk,
    undisturbed: dict[Unit, str],
    record_property: Callable[[str, object], None],
) -> None:
    cuts = cut_while_running(place, disk, executor, durability)
    disk.unmount()
    kept = [there(place, disk, one, executor, undisturbed) for one in cuts]
    told = [len(one.announced) for one in cuts]
    shares = "  ".join(f"{events:2} of {announced:2}" for events, announced in zip(kept, told, strict=True))
    record_property(
        "told", f"power cuts, events there of those announced: {durability:<6}{executor:<8}{shares}"
    )
    assert 0 < told[0] < told[-2] <= told[-1]
    if durability == "power":
        assert all(events >= announced for events, announced in zip(kept, told, strict=True)), (kept, told)


def there(place: Place, disk: Disk, one: Cut, executor: str, undisturbed: dict[Unit, str]) -> int:
    """How many events of the run the cut has left; the run is brought to its end from there."""
    disk.mount(one.image)
    try:
        before = log_after(place, RUN)
        life = place.life(executor)
        life.go("run")
        assert life.ended().startswith("done ")
        log = place.log(RUN)
    finally:
        disk.unmount()
    assert [announcement(row) for row in before[: len(one.announced)]] == one.announced[: len(before)]
    check_log(log)
    assert results(log) == undisturbed
    again = [begun for begun in place.begun(RUN) if begun.life == life.pid]
    assert committed(before) & {(begun.step, begun.item) for begun in again} == set()
    return len(before)


def announcement(row: Row) -> str:
    kind = "".join(word.capitalize() for word in row.kind.split("_"))
    return f"recorded {row.sequence} {kind} {row.step} {row.item}"
