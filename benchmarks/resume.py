"""How long does it take to resume a run of 1,000 steps of which 999 are done, in the same process and in a new one?

The last step's first attempt is interrupted as Ctrl-C interrupts it, so that the run is free at once.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median

import penstock
from benchmarks.measuring.children import PYTHON, said, wall_seconds
from benchmarks.measuring.figures import Budget, Figure, figure
from benchmarks.measuring.logs import verify
from benchmarks.measuring.resumed import interrupt, workflow
from benchmarks.measuring.rounds import Scale, in_turn
from benchmarks.measuring.work import Recorded, expect, joined

STEPS = 1_000
LIMIT_SECONDS = 30.0
CHILD = "benchmarks.measuring.resumed"

IN_PROCESS = Budget("resume", "resume 1,000 steps with 999 done, in process", "ms", must=5.0, aim=3.0)
IN_A_NEW_ONE = Budget("resume_new_process", "the same in a new process", "ms", must=250.0, aim=140.0)
BUDGETS = (IN_PROCESS, IN_A_NEW_ONE)


def measure(scale: Scale, folder: Path) -> Iterator[Figure]:
    steps = scale.of(STEPS, 10)
    yield in_process(scale, folder / "resume.db", steps)
    yield in_a_new_process(scale, folder / "resume-new.db", steps)


def in_process(scale: Scale, path: Path, steps: int) -> Figure:
    flow = workflow(steps)
    recorded = Recorded()
    runs = 0
    with penstock.open(f"sqlite:///{path}", observers=[recorded]) as engine:

        def work() -> float:
            nonlocal runs
            runs += 1
            interrupt(engine, flow)
            run = engine.get("latest")
            recorded.count.clear()
            begun = time.perf_counter()
            result = engine.resume(run.id, flow, wait=True).result()
            spent = time.perf_counter() - begun
            expect(result, joined(steps - 2))
            recorded.expect(1, runs=1)
            return spent

        found = in_turn(scale, lambda: 1.0, work)
    verify(path, runs=runs, steps=steps)
    return figure(IN_PROCESS, 1e3 * median(found.work), 1e3 * min(found.work), rounds=found.number)


def in_a_new_process(scale: Scale, path: Path, steps: int) -> Figure:
    """From the start of a process to its end."""
    runs = 0
    what = [str(path), str(steps)]

    def work() -> float:
        nonlocal runs
        runs += 1
        said(["-m", CHILD, "interrupt", *what], path.parent, seconds=LIMIT_SECONDS)
        return wall_seconds([PYTHON, "-m", CHILD, "resume", *what], path.parent)

    found = in_turn(scale, lambda: wall_seconds([PYTHON, "-c", "pass"], path.parent), work)
    verify(path, runs=runs, steps=steps)
    note = f"of which bare Python {found.bare_microseconds / 1e3:.3g} ms"
    return figure(
        IN_A_NEW_ONE, 1e3 * median(found.work), 1e3 * min(found.work), rounds=found.number, note=note
    )
