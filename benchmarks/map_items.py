"""How much memory does a map over 1,000,000 items take above what was there before, and is its time linear?

Each size in a process of its own, which says how much its memory had grown at the highest. The results are a million numbers:
40 MB by themselves.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import NamedTuple

import penstock
from benchmarks.measuring.bare import seconds_a_task
from benchmarks.measuring.children import said
from benchmarks.measuring.figures import Budget, Figure, figure
from benchmarks.measuring.rounds import Scale
from benchmarks.measuring.work import Recorded, expect

ITEMS = 1_000_000
SHARE = 10
"""The smaller map, to compare with, is the larger's tenth."""
ROUNDS = 2
LIMIT_SECONDS = 60.0

MEMORY = Budget(
    "map_memory", "a map over 1,000,000 items in memory: peak above the start", "MB", must=300.0, aim=100.0
)
LINEAR = Budget(
    "map_time", "the same: time of an item beside that in a map of 100,000", "times", must=1.25, aim=1.1
)
BUDGETS = (MEMORY, LINEAR)


class Found(NamedTuple):
    seconds: float
    megabytes: float


def measure(scale: Scale, folder: Path) -> Iterator[Figure]:
    items = scale.of(ITEMS, 1_000)
    small, large = [], []
    for _ in range(min(ROUNDS, scale.rounds)):
        small.append(found(items // SHARE, folder))
        large.append(found(items, folder))
    peaks = [each.megabytes for each in large]
    per_item = median(each.seconds / items for each in large)
    note = f"{1e6 * per_item:.3g} us an item, {per_item / seconds_a_task():.2g} A"
    yield figure(MEMORY, median(peaks), min(peaks), rounds=len(peaks), note=note)
    times = [many.seconds / SHARE / few.seconds for many, few in zip(large, small, strict=True)]
    yield figure(LINEAR, median(times), min(times), rounds=len(times))


def found(items: int, folder: Path) -> Found:
    answer = said(["-m", "benchmarks.map_items", str(items)], folder, seconds=LIMIT_SECONDS)
    return Found(*json.loads(answer))


# ── the process that maps ───────────────────────────────────────────────────────────────────────────────────────────


def many(items: int) -> range:
    return range(items)


def add_one(number: int) -> int:
    return number + 1


@penstock.task
def count(numbers: list[int]) -> list[int]:
    return [len(numbers), sum(numbers)]


def mapped() -> penstock.Workflow:
    flow = penstock.Workflow("map")
    flow.add_task(many)
    flow.add_task(penstock.task(add_one).map(number="many"), name="numbers")
    flow.add_task(count, depends_on="numbers")
    return flow


def main() -> None:
    items = int(sys.argv[1])
    flow = mapped()
    recorded = Recorded()
    with penstock.open("ephemeral", observers=[recorded]) as engine:
        ready = flow.using(store=engine)
        ready.run(items=10)
        recorded.count.clear()
        before = peak_megabytes()
        begun = time.perf_counter()
        result = ready.run(items=items)
        seconds = time.perf_counter() - begun
        grown = peak_megabytes() - before
    expect(result, [items, items * (items + 1) // 2])
    recorded.expect(items + 2, runs=1)  # `many` and `count` are steps too
    print(json.dumps([seconds, grown]))


def peak_megabytes() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main()
