"""kill -9 at random moments of nested processes with parallel groups, and of a flow with fan-out, fan-in and retries."""

from __future__ import annotations

import os
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
from penstock.model import events as e
from penstock.model.ids import run_id_for
from tests.faults.lives import wait_until

ROUNDS = 50
KILLS_A_RUN = 5
ANY_SECONDS, MORE_SECONDS = 0.06, 0.01
MOST_STEPS = {"process": 3, "flow": 7}
"""A life is killed when it has done so many steps at most."""
NAMES = {"process": "Nested", "flow": "fanned"}
UNDISTURBED = {
    "process": "{'left': 114, 'right': 14}",
    "flow": "{'total.now': {'total': [0, 0, 1, 1, 4, 4, 9, 9, 16, 16], 'stats': {'source': {'sent': 5}, 'one': {'seen': 5},"
    " 'two': {'seen': 5}, 'total': {'sum': 60}}}}",
}


class Lives:
    """Processes that drive runs of one style on one store, one of them started up beforehand."""

    def __init__(self, kind: str, folder: Path, chance: random.Random) -> None:
        self.kind, self.folder, self.chance = kind, folder, chance
        self.number = 0
        self.begun: list[subprocess.Popen[str]] = []
        self.standby: dict[str, subprocess.Popen[str]] = {}

    def go(self, key: str) -> subprocess.Popen[str]:
        life = self.standby.pop(key, None) or self.start(key)
        self.standby[key] = self.start(key)
        assert life.stdin is not None
        assert life.stdout is not None
        assert life.stdout.readline() == "ready\n"
        life.stdin.write("\n")
        life.stdin.flush()
        return life

    def start(self, key: str) -> subprocess.Popen[str]:
        durability = self.chance.choice(["power", "crash"])
        command = [
            sys.executable,
            "-m",
            "tests.faults.styled",
            self.kind,
            str(self.folder / "runs.db"),
            key,
            durability,
        ]
        environment = {**os.environ, "STYLED_SIDE": str(self.folder / "side")}
        life = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
        )
        self.begun.append(life)
        return life

    def close(self) -> None:
        for life in self.begun:
            life.kill()
            life.communicate()


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    with penstock.open(tmp_path / "runs.db") as engine:
        yield engine


@pytest.mark.parametrize("kind", ["process", "flow"])
def test_killed_at_any_moment_it_comes_to_the_same_end_and_repeats_nothing(
    kind: str, engine: Engine, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    chance = random.Random(len(kind))
    lives = Lives(kind, tmp_path, chance)
    at: list[int] = []
    runs = 0
    try:
        while len(at) < ROUNDS:
            runs += 1
            run_once(lives, f"run{runs}", engine, at)
    finally:
        lives.close()
    steps = max(at)
    inside = sum(0 < done < steps for done in at)
    record_property("told", f"kill -9, {kind}: {len(at)} kills in {runs} runs, {inside} inside of them")
    assert inside > ROUNDS / 3


def run_once(lives: Lives, key: str, engine: Engine, at: list[int]) -> None:
    """Kill whoever drives the run, several times; whoever comes last brings it to its end."""
    run_id = run_id_for(NAMES[lives.kind], key)
    for _ in range(min(KILLS_A_RUN, ROUNDS - len(at))):
        life = lives.go(key)
        let_work(life, lives, engine, run_id)
        if life.poll() is not None:
            break
        life.send_signal(signal.SIGKILL)
        life.wait()
        at.append(done_in(engine, run_id))
    life = lives.go(key)
    wait_until(lambda: life.poll() is not None, "it comes to its end")
    assert life.stdout is not None
    assert life.stdout.read() == f"done {UNDISTURBED[lives.kind]}\n"
    check(engine, run_id)


def let_work(life: subprocess.Popen[str], lives: Lives, engine: Engine, run_id: str) -> None:
    """Until any moment, perhaps while it takes the run up; mostly until it has done some steps, however long that takes."""
    if lives.chance.random() < 0.3:
        time.sleep(lives.chance.uniform(0, ANY_SECONDS))
        return
    enough = done_in(engine, run_id) + lives.chance.randint(1, MOST_STEPS[lives.kind])
    wait_until(lambda: life.poll() is not None or done_in(engine, run_id) >= enough, "steps are done")
    time.sleep(lives.chance.uniform(0, MORE_SECONDS))


def done_in(engine: Engine, run_id: str) -> int:
    rows = engine.durable_store().read(run_id) if engine.durable_store().get("runs", [run_id]) else []
    return sum(row.kind == "step_done" for row in rows)


def check(engine: Engine, run_id: str) -> None:
    """By the log: it completed, and no finished step was begun again."""
    log = [event for _, _, event in engine.get(run_id).events()]
    assert isinstance(log[-1], e.RunDone)
    done: set[str] = set()
    for event in log:
        if isinstance(event, e.StepStarted):
            assert event.step not in done, "a finished step was begun again"
        elif isinstance(event, e.StepDone):
            assert event.step not in done
            done.add(event.step)
