"""The lives of a process that drives a run (driven.py), what they left behind, and what must be true of it."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from penstock.model.changes import Row
from penstock.model.ids import run_id_for
from penstock.stores.sqlite import SqliteStore

PATIENCE_SECONDS = 180.0
LEASE_SECONDS = 0.1
STEPS = 28

T = TypeVar("T")
Unit = tuple[str, int | None]
"""(step, item)."""
_serial = count(1)


def wait_until(look: Callable[[], T], what: str, seconds: float = PATIENCE_SECONDS) -> T:
    """The first true thing that `look` finds."""
    deadline = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < deadline, f"waited {seconds:g} s in vain: {what}"
        time.sleep(0.002)
    return found


class Begun(NamedTuple):
    """A line of the side file: an attempt began."""

    run: str
    step: str
    item: int | None
    attempt: int
    life: int


class Place:
    """A store, the side file beside it, and the lives that use them."""

    def __init__(self, folder: Path, store: Path | None = None) -> None:
        self.folder = folder
        self.store = store or folder / "store.db"
        self.side = folder / "side"
        self.side.touch()
        self.lives: list[Life] = []

    def life(self, executor: str, **options: Any) -> Life:
        """A process that drives a run once it is told which: `go`. The options are those of an engine, and `pace`."""
        life = Life(self, executor, {"lease_seconds": LEASE_SECONDS, "durability": "crash", **options})
        self.lives.append(life)
        return life

    def log(self, run: str) -> list[Row]:
        store = SqliteStore(self.store)
        try:
            return store.read(run, 0, 100_000)
        finally:
            store.close()

    def begun(self, run: str) -> list[Begun]:
        """Every attempt that began, in order."""
        lines = (line.split() for line in self.side.read_text().splitlines())
        every = [Begun(*words[:2], _number(words[2]), int(words[3]), int(words[4])) for words in lines]
        return [one for one in every if one.run == run]

    def close(self) -> None:
        for life in self.lives:
            life.close()

    def remove(self) -> None:
        shutil.rmtree(self.folder)


def _number(text: str) -> int | None:
    return None if text == "None" else int(text)


class Life:
    """One process and what it says."""

    def __init__(self, place: Place, executor: str, options: dict[str, Any]) -> None:
        self.mark = f"life-{os.getpid()}-{next(_serial)}"
        self.said = place.folder / f"{self.mark}.out"
        self.complained = place.folder / f"{self.mark}.err"
        pace = options.pop("pace", 1)
        command = [sys.executable, str(Path(__file__).with_name("driven.py")), executor, str(place.store)]
        with self.said.open("w") as out, self.complained.open("w") as err:
            self.process = subprocess.Popen(
                [*command, str(place.side), json.dumps(options)],
                stdin=subprocess.PIPE,
                stdout=out,
                stderr=err,
                text=True,
                env={**os.environ, "DRIVEN_MARK": self.mark, "DRIVEN_PACE": str(pace)},
            )

    @property
    def pid(self) -> int:
        return self.process.pid

    def go(self, key: str) -> str:
        """Have it drive the run of this key; the run's id."""
        assert self.process.stdin is not None
        self.process.stdin.write(key + "\n")
        self.process.stdin.close()
        return run_id_for("driven", key)

    def lines(self) -> list[str]:
        """What it has said, whole lines only."""
        return self.said.read_text().rpartition("\n")[0].splitlines()

    def recorded(self) -> list[str]:
        return [line for line in self.lines() if line.startswith("recorded ")]

    def ended(self) -> str:
        """Wait until it has come to its own end: the last thing it said."""
        wait_until(lambda: self.process.poll() is not None, "the process ends")
        complaint = self.complained.read_text()
        assert (self.process.returncode, complaint) == (0, ""), complaint
        return self.lines()[-1]

    def is_over(self) -> bool:
        return self.process.poll() is not None

    def drives(self) -> bool:
        """Whether something was recorded by it, or it is over."""
        return bool(self.recorded()) or self.is_over()

    def has_done_a_step(self) -> bool:
        """Whether a step was done by it, or it is over."""
        return any(" StepDone " in line for line in self.recorded()) or self.is_over()

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self) -> None:
        """Stop it where it is, and return when it has stopped."""
        self.process.send_signal(signal.SIGSTOP)
        wait_until(lambda: state_of(self.pid) in "TtZX", "the process is stopped")

    def orphans(self) -> list[int]:
        """Processes that it started and that outlived it."""
        return [pid for pid in marked(self.mark) if pid != self.pid]

    def close(self) -> None:
        if not self.is_over():
            self.process.kill()
            self.process.wait()
        if self.process.stdin is not None and not self.process.stdin.closed:
            self.process.stdin.close()


def state_of(pid: int) -> str:
    """The letter that /proc gives for what a process is doing; X where there is none."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return "X"


def marked(mark: str) -> list[int]:
    """The processes, zombies apart, that have this mark in their environment."""
    needle = f"DRIVEN_MARK={mark}\0".encode()
    return [int(folder.name) for folder in Path("/proc").glob("[0-9]*") if needle in _environment(folder)]


def _environment(folder: Path) -> bytes:
    try:
        return (folder / "environ").read_bytes()
    except OSError:
        return b""


# ── what must be true ───────────────────────────────────────────────────────────────────────────────────────────────


def committed(log: Iterable[Row]) -> set[Unit]:
    """What is done, as the log tells it."""
    return {(row.step or "", row.item) for row in log if row.kind == "step_done"}


def results(log: Iterable[Row]) -> dict[Unit, str]:
    return {(row.step or "", row.item): row.body for row in log if row.kind == "step_done"}


def check_log(log: list[Row]) -> None:
    """Numbers without holes; attempts counted from 1; nothing begins again that is done; each step done once."""
    assert [row.sequence for row in log] == list(range(1, len(log) + 1))
    attempts: Counter[Unit] = Counter()
    running: set[Unit] = set()
    done: set[Unit] = set()
    for row in log:
        unit = (row.step or "", row.item)
        if row.kind == "step_started":
            attempts[unit] += 1
            assert unit not in done, f"{unit} began again after it was done"
            assert unit not in running, f"{unit} began while it ran"
            assert json.loads(row.body)["attempt"] == attempts[unit]
            running.add(unit)
        elif row.kind in ("step_done", "step_failed", "step_cancelled"):
            assert unit in running, f"{unit} ended without having begun"
            running.discard(unit)
            if row.kind == "step_done":
                done.add(unit)


def check_begun(begun: Iterable[Begun], log: Iterable[Row], *, beside: bool = False) -> None:
    """Attempts that really began have the numbers of the log, and a step's numbers never go back.

    Where lives went on `beside` each other they do so in each life: one that was stopped may begin late what it was about to.
    """
    counts = Counter((row.step or "", row.item) for row in log if row.kind == "step_started")
    latest: dict[tuple[Unit, int], int] = {}
    lives: set[tuple[Unit, int, int]] = set()
    for one in begun:
        unit = (one.step, one.item)
        whose = one.life if beside else 0
        assert latest.get((unit, whose), 1) <= one.attempt <= counts[unit], one
        assert (unit, one.attempt, one.life) not in lives, f"one process began {one} twice"
        lives.add((unit, one.attempt, one.life))
        latest[unit, whose] = one.attempt
