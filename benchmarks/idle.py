"""What does a process cost that has nothing to do but to wait for a run's next attempt? By its own CPU time."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from pathlib import Path

import penstock
from benchmarks.measuring.children import said
from benchmarks.measuring.figures import Budget, Figure, figure
from benchmarks.measuring.rounds import Scale
from benchmarks.measuring.work import expect

SECONDS = 10.0

BUDGET = Budget("idle", "an idle process with a run that waits", "% of a core", must=1.0, aim=0.1)
BUDGETS = (BUDGET,)


def measure(scale: Scale, folder: Path) -> Iterator[Figure]:
    seconds = max(0.5, SECONDS * scale.size)
    arguments = ["-m", "benchmarks.idle", f"sqlite:///{folder}/idle.db", str(seconds)]
    spent = float(said(arguments, folder, seconds=seconds + 20))
    yield figure(BUDGET, 100 * spent / seconds, note=f"{1e3 * spent:.3g} ms in {seconds:g} s")


# ── the process that waits ──────────────────────────────────────────────────────────────────────────────────────────


tried: list[bool] = []


@penstock.task(retries=1, retry_delay=3600.0)
def fail_at_first() -> None:
    tried.append(True)
    raise RuntimeError("tried again in an hour")


def main() -> None:
    address, seconds = sys.argv[1], float(sys.argv[2])
    flow = penstock.Workflow("waiting")
    flow.add_task(fail_at_first)
    with penstock.open(address) as engine:
        run = flow.using(store=engine).start()
        given_up = time.monotonic() + 10
        while not tried and time.monotonic() < given_up:
            time.sleep(0.01)
        expect(tried, [True])
        time.sleep(0.5)  # what starting began may end
        before = time.process_time()
        time.sleep(seconds)
        print(time.process_time() - before)
        run.cancel()  # an engine says of what it leaves unfinished how to go on
        run.wait(10)


if __name__ == "__main__":
    main()
