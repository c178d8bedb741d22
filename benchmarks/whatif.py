"""Is a simulation right? Workflows of four styles really run with 1, 2 and 4 workers; two are predicted.

Steps sleep for lengths drawn by chance, some fail and are tried again. What is known of them is learned from the runs with one
worker alone. A prediction is compared with the median of five real runs; what is to be raised first, with what arithmetic says.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import penstock
from benchmarks.measuring.figures import Budget, Figure, figure
from benchmarks.measuring.rounds import Scale
from benchmarks.measuring.work import expect
from penstock import Engine, Workflow, task
from penstock.executors.threads import ThreadExecutor
from penstock.functions import gather, workflow
from penstock.model.limits import Limit
from penstock.processes import AtomarProcess, InputParameter, OrchestratedProcess, ProcessExecutionFlags
from penstock.routines import Flow, Routine
from penstock.whatif import check, simulate

WORKERS = (1, 2, 4)
RUNS = 5
PARTS = 24
SINKS = 8

ERROR = Budget(
    "whatif_error", "a makespan predicted, beside the median of 5 real runs: the worst of 8", "%", 10.0, 5.0
)
RIGHT = Budget("whatif_bottleneck", "what to raise first, rightly said", "% of 12", 100.0, 100.0, True)
BUDGETS = (ERROR, RIGHT)


def sleeps(seed: int, number: int, scale: float) -> int:
    """Takes 30 to 50 ms; one of ten attempts fails."""
    chance = Random(f"{seed}/{number}/{penstock.context().attempt}")
    time.sleep(scale * chance.uniform(0.03, 0.05))
    if chance.random() < 0.1:
        raise ConnectionError("now and then")
    return number


# ── the same work in four styles ────────────────────────────────────────────────────────────────────────────────────


@task
def numbers() -> list[int]:
    return list(range(PARTS))


@task(retries=5, retry_delay=0.01)
def part(number: int, seed: int, scale: float) -> int:
    return sleeps(seed, number, scale)


@task(limit=Limit("api", at_most=2))
def upload(number: int, seed: int, scale: float) -> int:
    time.sleep(scale * Random(f"{seed}/{number}").uniform(0.03, 0.05))
    return number


def tasks() -> Workflow:
    """Parts side by side, then an upload of each, two at a time."""
    flow = Workflow("whatif-tasks")
    flow.add_task(numbers)
    flow.add_task(part.map(number="numbers"))
    flow.add_task(upload.map(number="part"))
    return flow


@workflow
async def functions(seed: int, scale: float) -> int:
    """A part, then all the others side by side."""
    first = await part(0, seed, scale)
    others = await gather(*[part(number, seed, scale) for number in range(1, PARTS)])
    return first + len(others)


class Part(AtomarProcess):
    """A part, whose code blocks."""

    blocking = True

    def __init__(self, name: str = "part0") -> None:
        super().__init__(name)
        self.input.add(InputParameter("seed", int))
        self.input.add(InputParameter("scale", float))

    def execute_impl(self) -> None:
        chance = Random(f"{self.input['seed'].value}/{self.name}")
        time.sleep(self.input["scale"].value * chance.uniform(0.03, 0.05))


class Parts(OrchestratedProcess):
    """Parts side by side."""

    def __init__(self, name: str = "whatif-parts") -> None:
        super().__init__(name)
        self.input.add(InputParameter("seed", int))
        self.input.add(InputParameter("scale", float))

    def define_orchestration(self) -> None:
        for number in range(PARTS):
            child = Part(f"part{number}")
            self.add_child(child, ProcessExecutionFlags(parallel=True))
            for name in ("seed", "scale"):
                self._connect_param(self.input[name], child.input[name])


class Source(Routine):
    """Emits a message for each part."""

    def __init__(self) -> None:
        super().__init__()
        for number in range(SINKS):
            self.define_event(f"out{number}", ["number", "seed", "scale"])

    def __call__(self, seed: int, scale: float) -> None:
        for number in range(PARTS):
            self.emit(f"out{number % SINKS}", number=number, seed=seed, scale=scale)


class Sink(Routine):
    """Works on parts, one at a time."""

    def __init__(self) -> None:
        super().__init__()
        self.define_slot("part", handler=self.work)

    def work(self, number: int, seed: int, scale: float) -> None:
        time.sleep(scale * Random(f"{seed}/{number}").uniform(0.03, 0.05))


def routines() -> Flow:
    """Parts that go to eight routines in turn."""
    flow = Flow("whatif-flow", execution_strategy="concurrent", max_workers=SINKS)
    source = Source()
    flow.entry = flow.add_routine(source, "source")
    for number in range(SINKS):
        flow.add_routine(Sink(), f"sink{number}")
        flow.connect("source", f"out{number}", f"sink{number}", "part")
    return flow


class Style(NamedTuple):
    """A workflow, the executor that is to have as many places as there are workers, and what to raise first for each number."""

    make: Callable[[], Any]
    executor: str
    first: tuple[str, str, str]


STYLES = {
    "tasks": Style(tasks, "threads", ("workers", "workers", "limit api")),
    "functions": Style(lambda: functions, "threads", ("workers", "workers", "workers")),
    "processes": Style(Parts, "threads", ("workers", "workers", "workers")),
    "routines": Style(routines, f"threads:{SINKS}", ("workers", "workers", "workers")),
}


# ── what was, and what was predicted ────────────────────────────────────────────────────────────────────────────────


def measure(scale: Scale, folder: Path) -> Iterator[Figure]:
    worst, rights, notes = 0.0, 0, []
    seeds = range(20 if scale.size >= 0.2 else 2)
    for name, style in STYLES.items():
        with ExitStack() as stack:
            engine, ones = really(stack, scale, folder, name, style)
            definition = style.make()
            found = check(definition, trained_on=ones, store=engine, seeds=seeds)
            for each in found.together:
                worst = max(worst, 100 * abs(each.error))
                notes.append(
                    f"{name} with {each.workers}: {each.real:.2f} s, predicted {each.predicted:.2f} s"
                )
            for workers, first in zip(WORKERS, style.first, strict=True):
                report = simulate(definition, workers=workers, trained_on=ones, store=engine, seeds=seeds)
                rights += report.bottleneck is not None and report.bottleneck.name == first
    yield figure(ERROR, worst, note="; ".join(notes))
    yield figure(RIGHT, 100 * rights / (len(STYLES) * len(WORKERS)))


def really(stack: ExitStack, scale: Scale, folder: Path, name: str, style: Style) -> tuple[Engine, list[str]]:
    """Run a workflow with each number of workers; the engine of the last, and the runs that had one worker."""
    short = min(1.0, max(scale.size, 0.02))
    runs = RUNS if scale.size >= 0.2 else 2
    ones: list[str] = []
    engine = None
    for workers in WORKERS:
        executors = {style.executor: ThreadExecutor(workers, name=style.executor)}
        engine = penstock.open(folder / f"{name}.db", executors=executors, executor=style.executor)
        stack.enter_context(engine)
        for number in range(runs):
            seed = 100 * workers + number
            run = engine.run(style.make(), {"seed": seed, "scale": short})
            expect(run.status, "completed")
            if workers == 1:
                ones.append(run.id)
    assert engine is not None
    return engine, ones
