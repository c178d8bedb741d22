"""A process whose run's steps are under a limit: python -m tests.limits.limited STORE COUNT SECONDS TENANT LEASE_SECONDS.

Tenant `rated` is paced instead; `worker` goes on with the runs of others that are gone.
"""

from __future__ import annotations

import sys
import time

import penstock
from penstock import Workflow, task
from penstock.app.worker import Worker
from penstock.errors import LeaseLost
from penstock.model.limits import Limit

KEY, AT_MOST = "shared", 3


@task
def items(count: int) -> list[int]:
    return list(range(count))


@task(limit=Limit(KEY, at_most=AT_MOST, fair_by="tenant"), executor="threads:4")
def call(n: int, tenant: str, seconds: float) -> int:
    time.sleep(seconds)
    return n


@task(limit=Limit("paced", rate="100/s"))
def paced(n: int) -> int:
    return n


flow = Workflow("limited")
flow.add_task(items)
flow.add_task(call.map(n="items", window=20_000))

rated = Workflow("rated")
rated.add_task(items)
rated.add_task(paced.map(n="items"))


def main(store: str, count: str, seconds: str, tenant: str, lease: str) -> int:
    with penstock.open(store, durability="crash", lease_seconds=float(lease)) as engine:
        print("ready", flush=True)
        sys.stdin.readline()
        inputs = {"count": int(count)}
        try:
            if tenant == "worker":
                Worker(engine, [flow]).serve(until_idle=True)
            elif tenant == "rated":
                engine.run(rated, inputs, tags={"tenant": tenant}).result()
            else:
                more = {"seconds": float(seconds), "tenant": tenant}
                engine.run(flow, inputs | more, tags={"tenant": tenant}).result()
        except LeaseLost:
            print("lost", flush=True)
            return 3
    print("done", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
