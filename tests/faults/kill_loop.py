"""Runs of one executor, killed with -9 at random moments again and again, until each has come to its end."""

from __future__ import annotations

import random
import time

from tests.faults.lives import (
    STEPS,
    Life,
    Place,
    Unit,
    check_begun,
    check_log,
    committed,
    results,
    wait_until,
)

EXECUTORS = ("inline", "threads", "processes", "asyncio")
KILLS_A_RUN = 6
LONGEST_SECONDS = {"inline": 0.15, "threads": 0.08, "processes": 0.2, "asyncio": 0.08}
"""How long a life goes on at most after what is waited for: less than what it would need to the end."""


class Loop:
    """Runs of one executor, one after another, killed `kills` times in all."""

    def __init__(self, place: Place, executor: str, kills: int, seed: int) -> None:
        self.place = place
        self.executor = executor
        self.kills = kills
        self.chance = random.Random(seed)
        self.at: list[int] = []  # how many steps were committed at each kill; -1 where the run had not begun
        self.standby = self.next_life()

    def next_life(self) -> Life:
        """A process that has started up, so that no round waits for that."""
        durability = self.chance.choice(("power", "crash"))
        return self.place.life(self.executor, durability=durability)

    def go(self, key: str) -> tuple[Life, str]:
        life, self.standby = self.standby, self.next_life()
        return life, life.go(key)

    def run_all(self, undisturbed: dict[Unit, str]) -> None:
        number = 0
        while len(self.at) < self.kills:
            number += 1
            run = self.run_one(f"run{number}")
            log = self.place.log(run)
            check_log(log)
            check_begun(self.place.begun(run), log)
            assert log[-1].kind == "run_done"
            assert results(log) == undisturbed

    def run_one(self, key: str) -> str:
        """Kill whoever drives the run, several times; whoever comes last brings it to its end."""
        done: set[Unit] = set()
        for _ in range(min(KILLS_A_RUN, self.kills - len(self.at))):
            life, run = self.go(key)
            if not self.kill_somewhere(life):
                break
            done = self.look(life, run, done)
        else:
            life, run = self.go(key)
        assert life.ended().startswith("done ")
        self.look(life, run, done, alive=True)
        return run

    def kill_somewhere(self, life: Life) -> bool:
        """Whether it was still at work."""
        stage = self.chance.random()  # below 0.1 it may still be opening the store or reading the log
        if stage > 0.1:
            wait_until(life.drives, "the run is taken up")
        if stage > 0.3:
            wait_until(life.has_done_a_step, "a step is done")
        time.sleep(self.chance.uniform(0, LONGEST_SECONDS[self.executor]))
        if life.is_over():
            return False
        life.kill()
        return True

    def look(self, life: Life, run: str, done: set[Unit], alive: bool = False) -> set[Unit]:
        """What a life did and left behind; what is committed now."""
        wait_until(lambda: not life.orphans(), "no process outlives its parent")
        log = self.place.log(run)
        check_log(log)
        mine = [one for one in self.place.begun(run) if one.life == life.pid]
        again = [one for one in mine if (one.step, one.item) in done]
        assert again == [], "a committed step was started again"
        now = committed(log)
        assert done <= now, "a committed step is gone"
        if not alive:
            self.at.append(len(now) if log else -1)
        return now


def histogram(title: str, steps: list[int]) -> str:
    """How many kills came when so many of the steps were committed, in seven bins."""
    bins = [0] * 7
    for number in steps:
        bins[max(0, number) * 7 // (STEPS + 1)] += 1
    bars = "  ".join(f"{n * 29 // 7:2}-{(n + 1) * 29 // 7 - 1:<2}:{kills:3}" for n, kills in enumerate(bins))
    return f"kill -9, steps of {STEPS} committed: {title:<10}{bars}   ({len(steps)} kills)"
