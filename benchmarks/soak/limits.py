"""A limit of 3 held by four processes for 10,000 steps a round, some of them killed: `python -m benchmarks.soak.limits`."""

from __future__ import annotations

import random
import tempfile
import time
from itertools import count
from pathlib import Path

import penstock
from tests.limits.crew import Crew, attempts, most_at_once, share, takes
from tests.limits.limited import AT_MOST

PROCESSES, STEPS, BLOWS = 4, 2_500, 6
LIMIT_SECONDS = 600
LEASE_SECONDS = 1.0


def soak(seconds: float) -> None:
    """A round without blows, then rounds with them, until the time is up. Raises AssertionError for whatever is wrong."""
    deadline = time.monotonic() + seconds
    for seed in count():
        with tempfile.TemporaryDirectory(prefix="penstock-soak-") as folder:
            played(Path(folder) / "runs.db", random.Random(seed), BLOWS if seed else 0)
        if time.monotonic() > deadline:
            return


def played(store: Path, chance: random.Random, blows: int) -> None:
    """One round: whoever is killed is replaced by a worker, which goes on with its run."""
    crew, began = Crew(store), time.monotonic()
    try:
        alive = [
            crew.hire(STEPS, 0.001, f"tenant {number}", lease=LEASE_SECONDS) for number in range(PROCESSES)
        ]
        for process in alive:
            crew.go(process)
        for _ in range(blows):
            time.sleep(chance.uniform(0.2, 1.5))
            victim = chance.randrange(PROCESSES)
            alive[victim].kill()
            alive[victim].wait()
            alive[victim] = crew.hire(0, 0, "worker", lease=LEASE_SECONDS)
            crew.go(alive[victim])
        for process in alive:
            process.wait(LIMIT_SECONDS)
        last = crew.hire(0, 0, "worker", lease=LEASE_SECONDS)
        crew.go(last)
        last.wait(LIMIT_SECONDS)
    finally:
        crew.close()
    seconds = time.monotonic() - began
    with penstock.open(store) as engine:
        statuses = engine.durable_store().health()["statuses"]
        found = attempts(engine)
    assert statuses == {"completed": PROCESSES}, statuses
    assert len(found) == PROCESSES * STEPS, len(found)
    assert most_at_once(found) <= AT_MOST, most_at_once(found)
    gaps, others = takes(found)
    print(
        f"limits: {len(found):,} steps of {PROCESSES} processes in {seconds:.1f} s, {blows} killed, never more than"
        f" {AT_MOST} at once; a freed slot taken within {share(gaps, 0.5) * 1e3:.1f} ms, p95 {share(gaps, 0.95) * 1e3:.1f} ms,"
        f" {others:,} times by another",
        flush=True,
    )


if __name__ == "__main__":
    soak(60)
