"""A durable function of ten thousand steps, killed with -9 at random moments: each committed step once, and the same result."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import penstock
from penstock.app import Engine
from penstock.model.ids import run_id_for
from tests.faults.lives import wait_until
from tests.faults.looped import expected

REACHED = 0.6
"""The part of the steps that is done when the last kill has come, or nearly."""

START_SECONDS, WORK_SECONDS = 0.06, 0.005
LINE_BYTES = 10
"""Of a step in the side file, at most."""

MORE_STEPS = 200
"""So many steps more than twice its share, and never all, may a life begin that is killed late."""


class Story:
    """The lives of one run, and what they left behind."""

    def __init__(self, function: str, engine: Engine, folder: Path, steps: int) -> None:
        self.function, self.engine, self.folder, self.steps = function, engine, folder, steps
        self.run = run_id_for(function, "one")
        self.side = folder / "side"
        self.side.touch()
        self.chance = random.Random(steps)
        self.begun: list[subprocess.Popen[str]] = []
        self.standby = self.start()
        self.done: set[str] = set()
        self.sequence = 0
        self.said = 0
        self.at: list[int] = []

    def start(self) -> subprocess.Popen[str]:
        durability = self.chance.choice(["power", "crash", "crash", "crash"])
        words = [
            self.function,
            str(self.folder / "runs.db"),
            str(self.side),
            "one",
            str(self.steps),
            durability,
        ]
        life = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.looped", *words],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        self.begun.append(life)
        return life

    def go(self, most: int) -> subprocess.Popen[str]:
        """One begins, and another starts up, so that nobody waits for that. It begins no more than so many steps."""
        life, self.standby = self.standby, self.start()
        assert life.stdin is not None
        assert life.stdout is not None
        assert life.stdout.readline() == "ready\n"
        life.stdin.write(f"{most}\n")
        life.stdin.flush()
        return life

    def kill_once(self, left: int) -> None:
        """At any moment: while it takes the run up, or when it has done its share of the steps; so many kills are left."""
        rest = self.steps - len(self.done)
        share = self.chance.uniform(0, 2) * (REACHED * self.steps - len(self.done)) / left
        share = int(min(share, REACHED * rest))
        life = self.go(min(2 * share + MORE_STEPS, rest - 1))
        if self.chance.random() < 0.2:
            time.sleep(self.chance.uniform(0, START_SECONDS))
        else:
            size = self.said + LINE_BYTES * share
            wait_until(lambda: self.side.stat().st_size > size, "it is at work")
            time.sleep(self.chance.uniform(0, WORK_SECONDS))
        assert life.poll() is None, "it has come to its end too early for this test"
        life.send_signal(signal.SIGKILL)
        life.wait()
        self.look()
        self.at.append(len(self.done))

    def look(self) -> None:
        """What a life began must not have been done before it; what is done now."""
        with self.side.open() as file:
            file.seek(self.said)
            began = file.read().split()
        self.said += sum(len(name) + 1 for name in began)
        assert len(began) == len(set(began)), "one life ran a step twice"
        assert not self.done & set(began), "a committed step was begun again"
        for row in self.engine.durable_store().read(self.run, self.sequence, 100_000):
            assert row.sequence == self.sequence + 1
            self.sequence = row.sequence
            if row.kind == "step_started":
                assert row.step not in self.done, "a committed step was started again"
            elif row.kind == "step_done" or (row.kind == "step_failed" and '"retry_at"' not in row.body):
                assert row.step is not None
                assert row.step not in self.done
                self.done.add(row.step)

    def finish(self) -> str:
        life = self.go(self.steps)
        assert life.stdout is not None
        told = life.stdout.read()
        life.wait()
        self.look()
        return told

    def close(self) -> None:
        for life in self.begun:
            life.kill()
            life.communicate()


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    with penstock.open(tmp_path / "runs.db") as engine:
        yield engine


@pytest.mark.parametrize(
    ("function", "steps", "kills"), [("looped", 10_000, 50), ("looped_blocked", 1_500, 6)]
)
def test_killed_at_any_moment_it_comes_to_the_same_end_and_repeats_nothing(
    function: str, steps: int, kills: int, engine: Engine, tmp_path: Path,
    record_property: Callable[[str, object], None],
) -> None:  # fmt: skip
    story = Story(function, engine, tmp_path, steps)
    try:
        for number in range(kills):
            story.kill_once(kills - number)
        told = story.finish()
    finally:
        story.close()
    result = expected(steps)
    assert told == f"done {result}\n"
    assert len(story.done) == result[1]
    inside = sum(0 < done < steps for done in story.at)
    marks = [story.at[(len(story.at) - 1) * part // 4] for part in range(5)]
    told = f"kill -9, {function} of {steps:,} steps: {kills} kills, {inside} inside, after {marks} steps"
    record_property("told", told)
    assert inside > kills * 0.8
    assert max(story.at) > steps / 4
