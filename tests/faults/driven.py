"""A process that drives one run to its end, over as many lives as it takes: what the tests of whole runs kill and stop.

    python driven.py EXECUTOR STORE SIDE OPTIONS_AS_JSON

It says "ready", reads a key, then starts the run of that key or goes on with it. It says "recorded SEQUENCE KIND STEP ITEM"
once an event is committed, and at its end "done VALUE" or "error CLASS MESSAGE". Every step begins by appending
"RUN STEP ITEM ATTEMPT LIFE" to the file SIDE.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
import zlib
from itertools import pairwise
from typing import Any

from penstock.app import open_engine
from penstock.context import context
from penstock.errors import CommandRefused, PenstockError, RunNotFound
from penstock.model import events as e
from penstock.model.ids import run_id_for
from penstock.tasks import Workflow, task
from penstock.tasks.workflow import Launcher

CHAIN, FAN, ITEMS = 5, 6, 16


def begin() -> tuple[str, int | None]:
    """Say that an attempt began; the name of the step and the item."""
    here = context()
    line = f"{here.run} {here.step} {here.item} {here.attempt} {os.environ['DRIVEN_LIFE']}\n"
    side = os.open(os.environ["DRIVEN_SIDE"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    try:
        os.write(side, line.encode())
    finally:
        os.close(side)
    return here.step, here.item


def seconds(step: str, item: int | None) -> float:
    """5 to 20 ms, times what the test asks for."""
    pace = float(os.environ.get("DRIVEN_PACE", "1"))
    return pace * (0.005 + zlib.crc32(f"{step}{item}".encode()) % 16 / 1000)


def value(step: str, item: int | None, before: dict[str, Any]) -> int:
    """Depends on everything that came before."""
    return zlib.crc32(f"{step}{item}{sorted(before.items())}".encode())


def work(**before: Any) -> int:
    step, item = begin()
    time.sleep(seconds(step, item))
    return value(step, item, before)


def item_work(n: int, link5: int) -> int:
    return work(n=n, link5=link5)


async def async_work(**before: Any) -> int:
    step, item = begin()
    await asyncio.sleep(seconds(step, item))
    return value(step, item, before)


async def async_item_work(n: int, link5: int) -> int:
    return await async_work(n=n, link5=link5)


def workflow(executor: str) -> Workflow:
    """A chain, from whose end a fan and a map go out, and a step that takes it all."""
    plain, item = (async_work, async_item_work) if executor == "asyncio" else (work, item_work)
    flow = Workflow("driven", executor=None if executor == "inline" else executor)
    links = [flow.add_task(plain, name=f"link{n}") for n in range(1, CHAIN + 1)]
    for before, after in pairwise(links):
        flow.link(before, after)
    fan = [flow.add_task(plain, name=f"fan{n}", depends_on=["link5"]) for n in range(FAN)]
    each = flow.add_task(task(item).map(n=list(range(ITEMS)), window=6), name="each", depends_on=["link5"])
    flow.add_task(plain, name="all", depends_on=[*fan, each])
    return flow


inline, threads, processes, loop = (workflow(name) for name in ("inline", "threads", "processes", "asyncio"))
FLOWS = {"inline": inline, "threads": threads, "processes": processes, "asyncio": loop}


class Announcer:
    """Says what is committed. See Observer."""

    def recorded(self, run: str, workflow: str, sequence: int, at: float, event: e.Event) -> None:
        step, item = getattr(event, "step", None), getattr(event, "item", None)
        say(f"recorded {sequence} {type(event).__name__} {step} {item}")


def say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def drive(executor: str, store: str, key: str, options: dict[str, Any]) -> None:
    """Start the run or go on with it, as soon as whoever had it is known to be gone."""
    flow = FLOWS[executor]
    patience = time.monotonic() + options.pop("patience", 20.0)
    with open_engine(store, observers=[Announcer()], **options) as engine:
        while True:
            try:
                run = engine.resume(run_id_for(flow.name, key), flow, wait=True)
            except RunNotFound:
                say(f"done {begin_run(flow.using(store=engine, key=key), executor)}")
                return
            except CommandRefused:
                if time.monotonic() > patience:
                    raise
                time.sleep(0.005)
            else:
                say(f"done {run.result()}")
                return


def begin_run(flow: Launcher, executor: str) -> Any:
    """A run of coroutines begins on an event loop; whoever resumes it drives it from a thread."""
    return asyncio.run(flow.run_async()) if executor == "asyncio" else flow.run()


def main() -> None:
    executor, store, side, options = sys.argv[1:]
    os.environ["DRIVEN_SIDE"] = side
    os.environ["DRIVEN_LIFE"] = str(os.getpid())
    say("ready")
    key = sys.stdin.readline().strip()
    try:
        drive(executor, store, key, json.loads(options))
    except PenstockError as error:
        say(f"error {type(error).__name__} {error}")


if __name__ == "__main__":
    main()
