"""Workers that are killed with -9 or stopped for longer than their leases, at random, until every run has finished."""

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
from tests.faults.lives import wait_until
from tests.faults.worked import LEASE_SECONDS, flow

RUNS, WORKERS, BLOWS = 2_000, 4, 24


class Crew:
    """Worker processes on one store, one replaced whenever it was killed."""

    def __init__(self, store: Path, side: Path, chance: random.Random) -> None:
        self.command = [sys.executable, "-m", "tests.faults.worked", str(store)]
        self.environment = {**os.environ, "WORKED_SIDE": str(side)}
        self.chance = chance
        self.processes = [self.hire() for _ in range(WORKERS)]
        self.stopped: dict[subprocess.Popen[bytes], float] = {}

    def hire(self) -> subprocess.Popen[bytes]:
        return subprocess.Popen(self.command, env=self.environment)

    def strike(self) -> str:
        """Kill a worker, or stop it past its lease."""
        place = self.chance.randrange(WORKERS)
        process = self.processes[place]
        if process in self.stopped or self.chance.random() < 0.6:
            process.kill()
            process.wait()
            self.stopped.pop(process, None)
            self.processes[place] = self.hire()
            return "kill -9"
        process.send_signal(signal.SIGSTOP)
        self.stopped[process] = time.monotonic() + 3 * LEASE_SECONDS
        return "SIGSTOP"

    def wake(self, *, all_: bool = False) -> None:
        for process, until in list(self.stopped.items()):
            if all_ or time.monotonic() > until:
                process.send_signal(signal.SIGCONT)
                del self.stopped[process]

    def close(self) -> None:
        self.wake(all_=True)
        for process in self.processes:
            process.kill()
            process.wait()


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    with penstock.open(tmp_path / "runs.db", durability="crash") as engine:
        yield engine


def test_every_run_finishes_whatever_becomes_of_the_workers(
    engine: Engine, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    runs = {engine.submit(flow, {"n": n}).id: n for n in range(RUNS)}
    chance, blows = random.Random(9), []
    crew = Crew(tmp_path / "runs.db", tmp_path / "side", chance)
    try:
        for _ in range(BLOWS):
            time.sleep(chance.uniform(0.05, 0.3))
            blows.append((time.time(), crew.strike()))
            crew.wake()
        wait_until(lambda: (crew.wake(), unfinished(engine))[1] == 0, "every run finishes")
        crew.wake(all_=True)
        time.sleep(0.2)  # whoever was stopped finds that nothing is left to record
    finally:
        crew.close()
    gaps = [gap for run_id, n in runs.items() for gap in check(engine, run_id, n)]
    record_property("told", told(blows, gaps))


def unfinished(engine: Engine) -> int:
    counts = engine.durable_store().health()["statuses"]
    return sum(number for status, number in counts.items() if status != "completed")


def check(engine: Engine, run_id: str, n: int) -> list[float]:
    """The run came to its result and did no committed step twice; how long it lay between two owners."""
    log = engine.get(run_id).events()
    assert engine.get(run_id).result() == (n + 1) * 3 - 1
    assert [sequence for sequence, _, _ in log] == list(range(1, len(log) + 1))
    done = [event.step for _, _, event in log if isinstance(event, e.StepDone)]
    assert done == ["first", "second", "third"]
    over: set[str] = set()
    for _, _, event in log:
        if isinstance(event, e.StepDone):
            over.add(event.step)
        elif isinstance(event, e.StepStarted):
            assert event.step not in over, "a committed step was started again"
    owned = [place for place, (_, _, event) in enumerate(log) if isinstance(event, e.Owned)]
    return [log[place][1] - log[place - 1][1] for place in owned[1:]]


def told(blows: list[tuple[float, str]], gaps: list[float]) -> str:
    kinds = {kind: sum(each == kind for _, each in blows) for kind in ("kill -9", "SIGSTOP")}
    ordered = sorted(gaps) or [0.0]
    middle, worst = ordered[len(ordered) // 2], ordered[-1]
    return (
        f"workers: {kinds['kill -9']} killed, {kinds['SIGSTOP']} stopped; {len(gaps)} takeovers;"
        f" seconds from the last word to the next owner: median {middle:.2f}, worst {worst:.2f}"
    )
