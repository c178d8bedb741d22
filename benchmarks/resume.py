"""How long does it take to resume a run of 1,000 steps of which 999 are done, in the same process and in a new one?

The last step's first attempt is interrupted as Ctrl-C interrupts it, so that the run is free at once.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from statistics import median
from typing import Any

import penstock
from benchmarks.measuring.children import PYTHON, said, wall_seconds
from benchmarks.measuring.figures import Budget, Figure, figure
from benchmarks.measuring.logs import verify
from benchmarks.measuring.rounds import Scale, in_turn
from benchmarks.measuring.work import VALUE, Recorded, expect, item, joined, source

STEPS = 1_000
LIMIT_SECONDS = 30.0

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
        said(["-m", "benchmarks.resume", "interrupt", *what], path.parent, seconds=LIMIT_SECONDS)
        return wall_seconds([PYTHON, "-m", "benchmarks.resume", "resume", *what], path.parent)

    found = in_turn(scale, lambda: wall_seconds([PYTHON, "-c", "pass"], path.parent), work)
    verify(path, runs=runs, steps=steps)
    note = f"of which bare Python {found.bare_microseconds / 1e3:.3g} ms"
    return figure(
        IN_A_NEW_ONE, 1e3 * median(found.work), 1e3 * min(found.work), rounds=found.number, note=note
    )


class Last:
    """The last step: interrupted when it is told to be."""

    __name__ = "join"

    def __init__(self) -> None:
        self.interrupting = False

    def __call__(self, **items: str) -> list[Any]:
        if self.interrupting:
            raise KeyboardInterrupt
        return [len(items), sorted(set(items.values()))]


last = Last()


def workflow(steps: int) -> penstock.Workflow:
    flow = penstock.Workflow(f"resumed-{steps}")
    flow.add_task(source)
    names = [f"item{number}" for number in range(steps - 2)]
    for name in names:
        flow.add_task(item, name=name, depends_on="source")
    flow.add_task(last, name="join", depends_on=names)
    return flow


def interrupt(engine: penstock.Engine, flow: penstock.Workflow) -> None:
    """Start a run and leave it in its last step."""
    last.interrupting = True
    with suppress(KeyboardInterrupt):
        flow.using(store=engine).run(value=VALUE)
    last.interrupting = False


def main() -> None:
    what, path, steps = sys.argv[1], sys.argv[2], int(sys.argv[3])
    flow = workflow(steps)
    with penstock.open(f"sqlite:///{path}") as engine:
        if what == "interrupt":
            interrupt(engine, flow)
        else:
            run = engine.resume(engine.get("latest").id, flow, wait=True)
            expect(run.result(), joined(steps - 2))


if __name__ == "__main__":
    main()
