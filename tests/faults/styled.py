"""Drives one run of a nested process, or of a flow with fan-out, fan-in and retries, and says when it has ended.

Each attempt of a step leaves a line in the side file: run, step, attempt.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from pathlib import Path
from typing import Any

import penstock
from penstock.processes import (
    AtomarProcess,
    InputParameter,
    OrchestratedProcess,
    OutputParameter,
    ProcessExecutionFlags,
)
from penstock.routines import ErrorHandler, Flow, Routine

SIDE = Path(os.environ.get("STYLED_SIDE", os.devnull))
PACE_SECONDS = 0.008
PARALLEL = ProcessExecutionFlags.PARALLEL


def said() -> int:
    """Leave a line; the number of this attempt."""
    me = penstock.context()
    with SIDE.open("a") as side:
        side.write(f"{me.run} {me.step} {me.attempt}\n")
    return me.attempt


# ── processes ───────────────────────────────────────────────────────────────────────────────────────────────────────


class Add(AtomarProcess):
    def __init__(self, name: str = "Add", more: int = 1) -> None:
        super().__init__(name)
        self.more = more
        self.input.add(InputParameter("number", int))
        self.output.add(OutputParameter("sum", int))

    async def execute_impl(self) -> None:
        said()
        await asyncio.sleep(PACE_SECONDS)
        self.output["sum"].value = self.input["number"].value + self.more


class Spread(OrchestratedProcess):
    """As many children side by side as its input says, then one that adds to the last of them."""

    def __init__(self, name: str = "Spread") -> None:
        super().__init__(name)
        self.input.add(InputParameter("number", int))
        self.output.add(OutputParameter("sum", int))

    def define_orchestration(self) -> None:
        last: Any = None
        for place in range(3 + self.input["number"].value % 2):
            last = Add(f"Side{place}", more=place)
            self.add_child(last, PARALLEL)
            self._connect_param(self.input["number"], last.input["number"])
        closing = Add("Closing", more=10)
        self.add_child(closing)
        self._connect_param(last.output["sum"], closing.input["number"])
        self._connect_param(closing.output["sum"], self.output["sum"])


class Nested(OrchestratedProcess):
    def __init__(self, name: str = "Nested") -> None:
        super().__init__(name)
        self.input.add(InputParameter("number", int, required=False, default=1))
        self.output.add(OutputParameter("left", int))
        self.output.add(OutputParameter("right", int))

    def define_orchestration(self) -> None:
        first = Add("First")
        left, right = Spread("Left"), Spread("Right")
        self.add_child(first)
        self._connect_param(self.input["number"], first.input["number"])
        for side in (left, right):
            self.add_child(side, PARALLEL)
            self._connect_param(first.output["sum"], side.input["number"])
        last = Add("Last", more=100)
        self.add_child(last)
        self._connect_param(left.output["sum"], last.input["number"])
        self._connect_param(last.output["sum"], self.output["left"])
        self._connect_param(right.output["sum"], self.output["right"])


# ── routines ────────────────────────────────────────────────────────────────────────────────────────────────────────


class Source(Routine):
    def __init__(self) -> None:
        super().__init__()
        self.define_event("out", ["number"])

    def __call__(self, count: int = 5) -> None:
        said()
        for number in range(count):
            self.increment_stat("sent")
            self.emit("out", number=number)


class Square(Routine):
    """Fails at the first attempt of every third number."""

    def __init__(self) -> None:
        super().__init__()
        self.define_slot("in", self.square)
        self.define_event("out", ["square"])
        self.set_error_handler(ErrorHandler("retry", max_retries=20, retry_delay=0.001, retry_backoff=1.0))

    def square(self, number: int) -> None:
        attempt = said()
        time.sleep(PACE_SECONDS)
        if number % 3 == 0 and attempt == 1:
            raise OSError("not yet")
        self.increment_stat("seen")
        self.emit("out", square=number * number)


class Total(Routine):
    def __init__(self) -> None:
        super().__init__()
        self.define_slot("in", self.add)
        self.define_event("now", ["total", "stats"])
        self.total: list[int] = []
        self.add_serializable_fields(["total"])

    def add(self, square: int) -> None:
        said()
        self.total.append(square)
        self.increment_stat("sum", square)
        assert self.flow is not None
        stats = {name: routine.stats() for name, routine in self.flow.routines.items()}
        self.emit("now", total=list(self.total), stats=stats)


def make_flow() -> Flow:
    made = Flow("fanned")
    made.add_routine(Source(), "source")
    for name in ("one", "two"):
        made.add_routine(Square(), name)
        made.connect("source", "out", name, "in")
    made.add_routine(Total(), "total")
    for name in ("one", "two"):
        made.connect(name, "out", "total", "in")
    return made


nested = Nested()
flow = make_flow()


def drive(kind: str, engine: Any, key: str) -> Any:
    if kind == "process":
        return engine.run(nested, {}, key=key).result()
    return engine.run(flow, {"count": 5}, key=key).result()


if __name__ == "__main__":
    kind, store, key, durability = sys.argv[1:]
    with penstock.open(store, lease_seconds=0.1, durability=durability) as engine:
        print("ready", flush=True)
        sys.stdin.readline()
        print("done", drive(kind, engine, key), flush=True)
