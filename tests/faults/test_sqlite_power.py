"""A power cut: what `power` answered for is on the disk, and the file is sound at either durability.

The store lies in an ext4 image on a loop device. A writer is stopped wherever it is, and the image copied: that is what a disk
holds when the current fails. Dirty pages that no sync forced out are not in it. (Copied beside a running writer the image would
be of no one moment.)
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from penstock.stores.sqlite import SqliteStore

IMAGE_BYTES = 48 * 1024 * 1024
CUTS = 12

WRITER = """
import sys
from penstock.model.changes import Change, Put, Row
from penstock.stores.sqlite import SqliteStore
place, durability = sys.argv[1:]
store = SqliteStore(place, durability)
last = 0
while True:
    rows = [Row(last + n, 1.0, "step_done", f"s{last + n}", None, "x" * 400) for n in (1, 2)]
    puts = [Put("runs", "r", {"data": str(last + 2)})] if last % 6 == 0 else []
    store.commit([Change(run="r", expect=last, events=rows, puts=puts)])
    last += 2
    sys.stdout.write(f"{last}\\n")
    sys.stdout.flush()
"""


class Disk:
    """An image that can be mounted, and copied while it is."""

    def __init__(self, folder: Path) -> None:
        self.image = folder / "image"
        self.folder = folder / "mounted"
        self.folder.mkdir()

    def format(self) -> None:
        with self.image.open("wb") as file:
            file.truncate(IMAGE_BYTES)
        _run("mkfs.ext4", "-q", "-F", str(self.image))

    def mount(self, image: Path | None = None) -> None:
        _run("mount", "-o", "loop", str(image or self.image), str(self.folder))

    def unmount(self) -> None:
        subprocess.run(["umount", "-l", str(self.folder)], check=False, capture_output=True)

    def cut(self, copy: Path) -> None:
        """What is on the disk now: the image's bytes, read past every cache of the file system in it."""
        _run("dd", f"if={self.image}", f"of={copy}", "bs=1M", "conv=sparse", "status=none")


def _run(*command: str) -> None:
    if shutil.which(command[0]) is None:
        pytest.skip(f"there is no {command[0]} here")
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"{command[0]} does not work here: {done.stderr.strip()}")


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    if os.getuid() != 0:
        pytest.skip("mounting an image takes root")
    disk = Disk(tmp_path)
    disk.format()
    disk.mount()
    yield disk
    disk.unmount()


@pytest.mark.parametrize("durability", ["power", "crash"])
def test_after_a_power_cut_the_store_is_sound_and_power_lost_nothing(
    disk: Disk, durability: str, tmp_path: Path
) -> None:
    answered = _cut_while_writing(disk, durability, tmp_path)
    kept = [_kept(disk, tmp_path / f"cut{n}") for n in range(CUTS)]
    print([f"{there} of {told}" for told, there in zip(answered, kept, strict=True)])
    assert answered[-1] > answered[0] > 0
    if durability == "power":
        assert all(there >= told for told, there in zip(answered, kept, strict=True))
    else:
        assert any(there < told for told, there in zip(answered, kept, strict=True)), (
            "the cut cuts nothing off"
        )


def _cut_while_writing(disk: Disk, durability: str, tmp_path: Path) -> list[int]:
    """How many events had been answered for before each cut."""
    told = tmp_path / "told"
    with told.open("w") as out:
        command = [sys.executable, "-c", WRITER, str(disk.folder / "store.db"), durability]
        writer = subprocess.Popen(command, stdout=out)
    try:
        answered = [_cut(disk, writer.pid, told, tmp_path / f"cut{n}") for n in range(CUTS)]
    finally:
        writer.kill()
        writer.wait()
        disk.unmount()
    return answered


def _cut(disk: Disk, writer: int, told: Path, copy: Path) -> int:
    before = _last_of(told)
    _wait_until(lambda: _last_of(told) >= before + 150)
    os.kill(writer, signal.SIGSTOP)
    _wait_until(lambda: "T (stopped)" in Path(f"/proc/{writer}/status").read_text())
    disk.cut(copy)
    last = _last_of(told)
    os.kill(writer, signal.SIGCONT)
    return last


def _wait_until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.001)


def _last_of(told: Path) -> int:
    lines = told.read_text().rpartition("\n")[0].splitlines()
    return int(lines[-1]) if lines else 0


def _kept(disk: Disk, cut: Path) -> int:
    """The events that are there when the current is back."""
    disk.mount(cut)
    try:
        if not (disk.folder / "store.db").exists():
            return 0
        return _sound_events(disk.folder / "store.db")
    finally:
        disk.unmount()


def _sound_events(path: Path) -> int:
    store = SqliteStore(path)
    try:
        assert store.check() == []
        log = store.read("r", 0, 1_000_000)
        assert len(log) % 2 == 0, "half a commit is there"
        return len(log)
    finally:
        store.close()
