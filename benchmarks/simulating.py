"""How many events a second does a SimPy workflow have through Penstock, beside the same one on bare SimPy?

Ten processes wait in turn. Through Penstock means all of it: the definition looked up, the execution numbered and recorded on
SQLite, played in a worker process, its figures noted, its end recorded.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import penstock
from benchmarks.measuring.figures import Budget, Figure, figure
from benchmarks.measuring.rounds import Scale, in_turn
from benchmarks.measuring.work import expect
from penstock.simulations import WorkflowRunner

EVENTS = 1_000_000
PROCESSES = 10

BUDGET = Budget(
    "simulating", "a SimPy workflow through Penstock, events per second", "% of bare SimPy", 90.0, 95.0, True
)
BUDGETS = (BUDGET,)

CODE = f"""
class WorkflowExecutor:
    def __init__(self, parameters):
        self.waits = parameters["waits"]

    def execute(self, env):
        yield env.all_of([env.process(self.wait(env, 1 + number / 10)) for number in range({PROCESSES})])

    def wait(self, env, seconds):
        for _ in range(self.waits):
            yield env.timeout(seconds)
"""


def measure(scale: Scale, folder: Path) -> Iterator[Figure]:
    waits = scale.of(EVENTS // PROCESSES, 100)
    (folder / "waiting.py").write_text(CODE)
    with penstock.open(folder / "simulating.db") as engine:
        runner = WorkflowRunner(engine, folder=folder)
        found = in_turn(scale, lambda: bare(waits), lambda: through(runner, waits))
    rate = waits * PROCESSES / (found.bare_microseconds / 1e6)
    note = f"bare SimPy: {rate:,.0f} a second"
    yield figure(BUDGET, 100 / found.ratio, 100 / found.quietest, rounds=found.number, note=note)


def bare(waits: int) -> float:
    import simpy

    namespace: dict[str, Any] = {}
    exec(CODE, namespace)
    env = simpy.Environment()
    executor = namespace["WorkflowExecutor"]({"waits": waits})
    begun = time.perf_counter()
    env.run(env.process(executor.execute(env)))
    spent = time.perf_counter() - begun
    expect(round(env.now, 3), round(waits * (1 + (PROCESSES - 1) / 10), 3))
    return spent


def through(runner: WorkflowRunner, waits: int) -> float:
    begun = time.perf_counter()
    execution = runner.run("waiting", overrides={"waits": waits})
    spent = time.perf_counter() - begun
    expect(execution.status, "completed")
    assert execution.performance_metrics is not None
    expect(execution.performance_metrics["events"] > waits * PROCESSES, True)
    return spent
