"""A script that runs a workflow and leaves everything else to Penstock: what Ctrl-C, SIGTERM and the end of a script meet.

    python interrupted.py HOW STORE SIDE [RUN]

HOW is an executor, "run_async", or "start" for a run that is left in the background. Given a run, it resumes it. While the file
SIDE.slow exists its middle step takes a minute.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time

from penstock.app import engine_at
from penstock.tasks import Workflow

HOW, STORE, SIDE = sys.argv[1:4]


def first() -> int:
    return 20


def middle(first: int) -> int:
    with open(SIDE, "a") as side:
        side.write(f"{os.getpid()}\n")
    until = time.monotonic() + 600
    while os.path.exists(f"{SIDE}.slow") and time.monotonic() < until:
        time.sleep(600)
    return first + 1


async def async_middle(first: int) -> int:
    with open(SIDE, "a") as side:
        side.write(f"{os.getpid()}\n")
    if os.path.exists(f"{SIDE}.slow"):
        await asyncio.sleep(600)
    return first + 1


def last(middle: int) -> int:
    return middle * 2


flow = Workflow("interrupted")
flow.add_task(first)
if HOW in ("run_async", "asyncio"):
    flow.add_task(async_middle, name="middle", depends_on="first")
else:
    flow.add_task(middle, depends_on="first", executor=HOW if HOW in ("threads", "processes") else None)
flow.add_task(last, depends_on="middle")

if len(sys.argv) > 4:
    print(engine_at(STORE).resume(sys.argv[4], flow, wait=True).result())
elif HOW == "run_async":
    print(asyncio.run(flow.using(store=STORE).run_async()))
elif HOW == "start":
    print(flow.using(store=STORE).start().id)
    while not os.path.exists(SIDE):
        time.sleep(0.005)
else:
    print(flow.using(store=STORE).run())
