"""What a step of a workflow costs: in memory beside a task of asyncio, on SQLite beside a bare commit."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import penstock
from benchmarks.measuring.bare import SYNCHRONOUS, Rows, seconds_a_task
from benchmarks.measuring.logs import verify
from benchmarks.measuring.rounds import Rounds, Scale, in_turn
from benchmarks.measuring.work import Recorded, Shape, expect


def in_memory(scale: Scale, shape: Shape) -> Rounds:
    """A step's time in A; steps end at once."""
    recorded = Recorded()

    def work() -> float:
        # An engine a round: one keeps its last 1,000 finished runs, and a million steps are nobody's usual heap.
        with penstock.open("ephemeral", observers=[recorded]) as engine:
            ready = shape.flow.using(store=engine)
            begun = time.perf_counter()
            result = ready.run(**shape.inputs)
            spent = time.perf_counter() - begun
        return _checked(shape, result, recorded, spent)

    return in_turn(scale, seconds_a_task, work)


def suspending_in_memory(scale: Scale, shape: Shape) -> Rounds:
    """The same for async steps that suspend, on an event loop."""
    recorded = Recorded()

    async def work() -> float:
        with penstock.open("ephemeral", observers=[recorded]) as engine:
            ready = shape.flow.using(store=engine)
            begun = time.perf_counter()
            result = await ready.run_async(**shape.inputs)
            spent = time.perf_counter() - begun
        return _checked(shape, result, recorded, spent)

    return in_turn(scale, seconds_a_task, lambda: asyncio.run(work()))


def on_sqlite(scale: Scale, shape: Shape, durability: str, folder: Path) -> Rounds:
    """A step's time in N or F, as the durability says. The logs are verified."""
    path = folder / f"{durability}.db"
    bare = Rows(folder, SYNCHRONOUS[durability], scale.size)
    recorded = Recorded()
    runs = 0
    with penstock.open(f"sqlite:///{path}", durability=durability, observers=[recorded]) as engine:
        ready = shape.flow.using(store=engine)

        def work() -> float:
            nonlocal runs
            runs += 1
            begun = time.perf_counter()
            result = ready.run(**shape.inputs)
            return _checked(shape, result, recorded, time.perf_counter() - begun)

        found = in_turn(scale, bare.seconds_a_row, work)
    bare.close()
    verify(path, runs=runs, steps=shape.steps)
    return found


def _checked(shape: Shape, result: object, recorded: Recorded, spent: float) -> float:
    """Seconds a step, if the result is right."""
    expect(result, shape.result)
    recorded.expect(shape.steps, runs=1)
    return spent / shape.steps
