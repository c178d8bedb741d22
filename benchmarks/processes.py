"""What does a process cost in memory, with its events and metrics? Is an orchestration linear, and memory flat?"""

from __future__ import annotations

import asyncio
import resource
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import ClassVar

from benchmarks.measuring.bare import seconds_a_task
from benchmarks.measuring.children import said
from benchmarks.measuring.figures import Budget, Figure, figure
from benchmarks.measuring.rounds import Scale, in_turn
from benchmarks.measuring.work import expect
from penstock.observe import event_bus
from penstock.processes import AtomarProcess, InputParameter, OrchestratedProcess, OutputParameter

PROCESSES = 2_000
CHILDREN, FEW = 10_000, 1_000
RUNS = 200_000
SHARE = 10
TOLD = 500
"""Processes that the sleeping subscriber is told of a round, after its first call."""
SLEEP_SECONDS = 0.2
LIMIT_SECONDS = 60.0

ATOMIC = Budget("process_atomic", "an atomic process, made and executed in memory", "A", must=6.0, aim=4.0)
CHILD = Budget(
    "process_children", "a child of 10,000 connected ones beside one of 1,000", "x", must=1.5, aim=1.2
)
MEMORY = Budget(
    "process_memory", "200,000 executions: memory grown since the first 20,000", "MB", must=10.0, aim=2.0
)
SLEEPER = Budget(
    "process_slow_subscriber",
    "what a subscriber that sleeps 0.2 s adds to a process",
    "ms",
    must=1.0,
    aim=0.1,
)
BUDGETS = (ATOMIC, CHILD, MEMORY, SLEEPER)


class AddOne(AtomarProcess):
    """The least that a process can be."""

    def __init__(self, name: str = "AddOne") -> None:
        super().__init__(name)
        self.input.add(InputParameter("number", int))
        self.output.add(OutputParameter("sum", int))

    async def execute_impl(self) -> None:
        self.output["sum"].value = self.input["number"].value + 1


class Chain(OrchestratedProcess):
    """So many children, each connected with the one before."""

    children_wanted: ClassVar[int] = 0

    def __init__(self, name: str = "Chain") -> None:
        super().__init__(name)
        self.input.add(InputParameter("number", int))
        self.output.add(OutputParameter("sum", int))

    def define_orchestration(self) -> None:
        source = self.input["number"]
        for place in range(self.children_wanted):
            child = AddOne(f"AddOne{place}")
            self.add_child(child)
            self._connect_param(source, child.input["number"])
            source = child.output["sum"]
        self._connect_param(source, self.output["sum"])


def measure(scale: Scale, folder: Path) -> Iterator[Figure]:
    heard = [0]

    def hear(event: dict[str, object]) -> None:
        heard[0] += 1

    event_bus.subscribe("process.completed", hear)
    try:
        number = scale.of(PROCESSES)
        found = in_turn(scale, seconds_a_task, lambda: asyncio.run(seconds_an_execution(number)))
        yield figure(ATOMIC, found.ratio, found.quietest, rounds=found.number, note=found.note("A"))
        expect(heard[0] >= number, True)
    finally:
        event_bus.unsubscribe("process.completed", hear)
    few, many = scale.of(FEW), scale.of(CHILDREN)
    grown = in_turn(scale, lambda: seconds_a_child(few), lambda: seconds_a_child(many))
    yield figure(CHILD, grown.ratio, grown.quietest, rounds=grown.number, note=grown.note("one of few"))
    answer = said(["-m", "benchmarks.processes", str(scale.of(RUNS, 100))], folder, seconds=LIMIT_SECONDS)
    yield figure(MEMORY, float(answer), float(answer), rounds=1)
    told = scale.of(TOLD, 10)
    slept = in_turn(
        scale, lambda: asyncio.run(seconds_an_execution(told)), lambda: seconds_told_to_a_sleeper(told)
    )
    added = [1_000 * (work - bare) for work, bare in zip(slept.work, slept.bare, strict=True)]
    yield figure(SLEEPER, median(added), min(added), rounds=slept.number)


async def seconds_an_execution(number: int) -> float:
    begun = time.perf_counter()
    for each in range(number):
        process = AddOne()
        process.input["number"].value = each
        await process.execute()
        if process.output["sum"].value != each + 1:
            raise AssertionError(process)
    return (time.perf_counter() - begun) / number


class Sleeper:
    """A subscriber that sleeps, until it is woken for good."""

    def __init__(self) -> None:
        self.awake = False

    def __call__(self, event: dict[str, object]) -> None:
        if not self.awake:
            time.sleep(SLEEP_SECONDS)


def seconds_told_to_a_sleeper(number: int) -> float:
    """An execution's, after the subscriber's first call."""
    sleeper = Sleeper()
    event_bus.subscribe("process.completed", sleeper)
    try:
        asyncio.run(seconds_an_execution(1))
        return asyncio.run(seconds_an_execution(number))
    finally:
        sleeper.awake = True
        event_bus.unsubscribe("process.completed", sleeper)


def seconds_a_child(number: int) -> float:
    class Long(Chain):
        children_wanted = number

    chain = Long()
    chain.input["number"].value = 0
    begun = time.perf_counter()
    asyncio.run(chain.execute())
    spent = time.perf_counter() - begun
    expect(chain.output["sum"].value, number)
    return spent / number


# ── the process that executes many ──────────────────────────────────────────────────────────────────────────────────


def main() -> None:
    runs = int(sys.argv[1])

    async def grown() -> float:
        await seconds_an_execution(runs // SHARE)
        before = peak_megabytes()
        await seconds_an_execution(runs - runs // SHARE)
        return peak_megabytes() - before

    print(asyncio.run(grown()))


def peak_megabytes() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main()
