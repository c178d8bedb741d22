"""The workflows whose runs `0001.db` holds. They are never changed: old files are opened, shown and resumed for ever."""

from __future__ import annotations

import os
import signal
from dataclasses import dataclass

from penstock import Workflow, task


@dataclass
class Reading:
    name: str
    size: int


@task
def names(count: int = 4) -> list[str]:
    return [f"n{i}" for i in range(count)]


@task
def read(name: str) -> Reading:
    return Reading(name, len(name))


@task
def large() -> str:
    return "x" * 100_000


@task(retries=1)
def flaky(read: list[Reading]) -> int:
    if os.environ.get("KEPT") == "die":
        os.kill(os.getpid(), signal.SIGKILL)
    if os.environ.get("KEPT") == "fail":
        raise ValueError("asked to fail")
    return sum(each.size for each in read)


@task
def total(flaky: int, large: str) -> tuple[int, int]:
    return flaky, len(large)


flow = Workflow("kept")
flow.add_task(names)
flow.add_task(read.map(name="names"))
flow.add_task(large)
flow.add_task(flaky, depends_on=["read"])
flow.add_task(total, depends_on=["flaky", "large"])
