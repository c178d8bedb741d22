"""A workflow whose results take much room, for test_full_disk_runs.py; a worker process finds its steps by name."""

from __future__ import annotations

from pathlib import Path

from penstock.context import context
from penstock.tasks import Workflow, task

ITEMS = 400
BYTES = 3_000


def sizes(side: str) -> list[int]:
    return list(range(ITEMS))


def bulk(n: int, side: str) -> str:
    with Path(side).open("a") as file:
        file.write(f"{n} {context().attempt}\n")
    return f"{n:08}" + "x" * BYTES


def total(bulk: list[str]) -> int:
    return sum(int(text[:8]) for text in bulk)


def bulky(executor: str) -> Workflow:
    flow = Workflow("bulky", executor=None if executor == "inline" else executor)
    flow.add_task(sizes)
    flow.add_task(task(bulk).map(n="sizes", window=8))
    flow.add_task(total, depends_on="bulk")
    return flow
