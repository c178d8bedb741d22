"""A worker's process, and the three-step workflow it takes runs of. Each attempt leaves a line in the side file."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import penstock
from penstock import Workflow, task
from penstock.app.worker import Worker

LEASE_SECONDS = 1.0
SIDE = Path(os.environ.get("WORKED_SIDE", os.devnull))


def say(n: int) -> None:
    me = penstock.context()
    with SIDE.open("a") as side:
        side.write(f"{me.run} {me.step} {os.getpid()}\n")
    time.sleep(0.002)


@task
def first(n: int) -> int:
    say(n)
    return n + 1


@task
def second(first: int) -> int:
    say(first)
    return first * 3


@task
def third(second: int) -> int:
    say(second)
    return second - 1


flow = Workflow("worked")
flow.add_task(first)
flow.add_task(second, depends_on=["first"])
flow.add_task(third, depends_on=["second"])


def serve(store: str, lease: float) -> None:
    with penstock.open(store, lease_seconds=lease, executor="threads", durability="crash") as engine:
        Worker(engine, [flow], slots=20).serve()


if __name__ == "__main__":
    serve(sys.argv[1], float(sys.argv[2]) if len(sys.argv) > 2 else LEASE_SECONDS)
