"""A process whose runs hold a workflow that is under a limit: python -m tests.limits.nested STORE TENANT RUNS SECONDS."""

from __future__ import annotations

import sys
import time

import penstock
from penstock import Workflow, task
from penstock.model.limits import Limit
from tests.limits.crew import LEASE_SECONDS

KEY, AT_MOST = "nested", 2


@task
def begin(seconds: float) -> float:
    return seconds


@task
def stay(begin: float) -> float:
    time.sleep(begin)
    return begin


narrow = Workflow("narrow", limit=Limit(KEY, at_most=AT_MOST))
narrow.add_task(begin)
narrow.add_task(stay, depends_on=["begin"], executor="threads:8")

flow = Workflow("nested")
flow.add_workflow(narrow)


def main(store: str, tenant: str, runs: str, seconds: str) -> None:
    with penstock.open(store, durability="crash", lease_seconds=LEASE_SECONDS) as engine:
        print("ready", flush=True)
        sys.stdin.readline()
        inputs = {"seconds": float(seconds)}
        begun = [engine.start(flow, inputs, tags={"tenant": tenant}) for _ in range(int(runs))]
        for run in begun:
            run.result()


if __name__ == "__main__":
    main(*sys.argv[1:])
