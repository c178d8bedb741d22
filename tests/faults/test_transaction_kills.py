"""kill -9 at random moments of runs whose steps write in transactions: a row and its record stand or fall together."""

from __future__ import annotations

import random
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import penstock
from tests.faults.booking import CHAIN, ITEMS
from tests.faults.lives import wait_until

KILLS = 24
ROWS = 1 + 1 + ITEMS + CHAIN
"""Of a whole run."""

MOST_ROWS = 12
"""A life is killed when it has written so many at most."""

BOOKED = "SELECT key FROM bookings WHERE run IN (SELECT id FROM runs) ORDER BY key"
DONE = """
SELECT run || '/' || step || CASE WHEN item IS NULL THEN '' ELSE '[' || item || ']' END AS key FROM events
WHERE kind = 'step_done' AND (step IN ('first', 'stumble', 'item') OR step LIKE 'link%') ORDER BY key
"""


class Lives:
    """Processes that drive runs on one store, one after another."""

    def __init__(self, file: Path, seed: int) -> None:
        self.file = file
        self.chance = random.Random(seed)
        self.key = 0
        self.next = self.spawn()

    def spawn(self) -> subprocess.Popen[str]:
        how = self.chance.choice(("power", "crash"))
        command = [sys.executable, "-m", "tests.faults.booking", str(self.file), f"run{self.key}", how]
        return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def live(self) -> tuple[bool, bool]:
        """Let one drive for a moment. (whether it was killed at work, whether its run is done)"""
        life = self.next
        assert life.stdin is not None
        assert life.stdout is not None
        assert life.stdout.readline() == "ready\n"
        life.stdin.write("\n")
        life.stdin.flush()
        self.let_work(life)
        killed = life.poll() is None
        life.kill()
        done = life.stdout.read() == "True\n"
        life.wait()
        life.stdin.close()
        life.stdout.close()
        if done:
            self.key += 1
        self.next = self.spawn()
        return killed and not done, done

    def let_work(self, life: subprocess.Popen[str]) -> None:
        """Until any moment, perhaps while it takes the run up; mostly until it has written some rows."""
        if self.chance.random() < 0.3:
            time.sleep(self.chance.uniform(0.0, 0.06))
            return
        enough = len(rows(self.file, BOOKED)) + self.chance.randint(1, MOST_ROWS)
        wait_until(
            lambda: life.poll() is not None or len(rows(self.file, BOOKED)) >= enough, "rows are written"
        )
        time.sleep(self.chance.uniform(0.0, 0.01))

    def close(self) -> None:
        self.next.kill()
        self.next.communicate()


def rows(file: Path, sql: str) -> list[str]:
    connection = sqlite3.connect(file)
    try:
        return [key for (key,) in connection.execute(sql)]
    finally:
        connection.close()


def test_whatever_moment_kill_9_comes_a_row_and_its_record_are_both_there_or_neither(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    file = tmp_path / "runs.db"
    with penstock.open(file):
        connection = sqlite3.connect(file)
        connection.execute("CREATE TABLE bookings (run TEXT, key TEXT)")
        connection.close()
    lives = Lives(file, seed=7)
    kills = inside = runs = 0
    try:
        while kills < KILLS or not runs:
            killed, done = lives.live()
            kills += killed
            runs += done
            booked = rows(file, BOOKED)
            assert booked == rows(file, DONE), "a row without its record, or a record without its row"
            assert len(set(booked)) == len(booked), "a row was written twice"
            inside += killed and len(booked) % ROWS > 0
    finally:
        lives.close()
    assert len(booked) >= runs * ROWS
    assert inside > kills / 3, "many kills should lie inside a run"
    record_property("told", f"transactions: {kills} kills, {inside} inside a run, {runs} runs done")
