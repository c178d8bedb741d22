"""What does Penstock add to a month of data taking (`workflows/stf_processing.py`), and what does a message of it cost?

A month without messages beside the same generator on bare SimPy, then three days with a message for each time frame beside
the same without. Through Penstock means all of it, as in `simulating`; a message is recorded when it is in the store's log.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import penstock
from benchmarks.measuring.bare import Rows
from benchmarks.measuring.children import ROOT
from benchmarks.measuring.figures import Budget, Figure, figure
from benchmarks.measuring.rounds import Scale, in_turn
from benchmarks.measuring.work import expect
from penstock.simulations import WorkflowRunner

DAYS = 30.0
DAYS_TOLD = 3.0
DAY_MINUTES = 1440.0

MONTH = Budget(
    "data_taking", "30 days of data taking through Penstock, no messages", "x bare SimPy", 1.11, 1.05
)
MESSAGE = Budget("data_taking_message", "a message that a simulation publishes, recorded", "N", 0.4, 0.3)
BUDGETS = (MONTH, MESSAGE)

CODE = (ROOT / "workflows" / "stf_processing.py").read_text()
SILENT = f"""{CODE}

class WorkflowExecutor(WorkflowExecutor):
    def __init__(self, parameters):
        super().__init__(parameters)
"""


def measure(scale: Scale, folder: Path) -> Iterator[Figure]:
    (folder / "told.py").write_text(CODE)
    (folder / "silent.py").write_text(SILENT)
    minutes = DAY_MINUTES * scale.size
    with penstock.open(folder / "data_taking.db") as engine:
        month = Month(WorkflowRunner(engine, folder=folder))
        found = in_turn(
            scale,
            lambda: bare(DAYS * minutes),
            lambda: month.seconds("silent", DAYS * minutes),
        )
        yield figure(
            MONTH, found.ratio, found.quietest, rounds=found.number, note=f"{month.frames:,} time frames"
        )
        rows = Rows(folder, "NORMAL", scale.size)
        told = in_turn(scale, rows.seconds_a_row, lambda: month.seconds_a_message(DAYS_TOLD * minutes))
        rows.close()
    note = (
        f"{told.work_microseconds:.2g} us; N was {told.bare_microseconds:.3g} us; {month.frames:,} messages"
    )
    yield figure(MESSAGE, told.ratio, told.quietest, rounds=told.number, note=note)


def bare(minutes: float) -> float:
    """Seconds of the generator in an environment of its own."""
    import simpy

    namespace: dict[str, Any] = {}
    exec(CODE, namespace)
    env = simpy.Environment()
    executor = namespace["WorkflowExecutor"]({"physics_duration_min": minutes})
    begun = time.perf_counter()
    env.run(env.process(executor.execute(env)))
    spent = time.perf_counter() - begun
    expect(env.now > minutes * 60, True)
    return spent


class Month:
    """Data taking through Penstock. `frames` is how many time frames the latest one had."""

    def __init__(self, runner: WorkflowRunner) -> None:
        self.runner = runner
        self.frames = 0

    def seconds(self, name: str, minutes: float) -> float:
        begun = time.perf_counter()
        found = self.runner.run(name, overrides={"physics_duration_min": minutes})
        spent = time.perf_counter() - begun
        expect(found.status, "completed")
        assert found.performance_metrics is not None
        expect(found.performance_metrics["virtual_seconds"] > minutes * 60, True)
        self.frames = found.performance_metrics["stfs"] or int((found.performance_metrics["events"] - 3) / 2)
        return spent

    def seconds_a_message(self, minutes: float) -> float:
        """What one costs beside the same without; every one of them is in the log afterwards."""
        silent = self.seconds("silent", minutes)
        told = self.seconds("told", minutes)
        expect(self.recorded(), self.frames + 3)
        return (told - silent) / self.frames

    def recorded(self) -> int:
        assert self.runner.latest is not None
        return sum(1 for _ in self.runner.executions.messages(self.runner.latest))
