"""A workflow whose step is a run of its own, in both styles; as a script, it runs one and may be killed."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import penstock
from penstock import Workflow, task
from penstock.functions import step, wait_for_signal, workflow

effects = Path(os.devnull)
die_in = ""


def effect(line: str) -> None:
    with effects.open("a") as file:
        file.write(line + "\n")
    if die_in == line:
        os.kill(os.getpid(), signal.SIGKILL)


@task
def clean(text: str) -> str:
    effect("clean")
    return text.strip()


@task
def count(clean: str) -> int:
    effect("count")
    if clean == "bad":
        raise ValueError(f"cannot count {clean!r}")
    return len(clean)


def counting() -> Workflow:
    flow = Workflow("counting")
    flow.add_task(clean)
    flow.add_task(count, depends_on=["clean"])
    return flow


@task
def report(counting: int) -> str:
    effect("report")
    return f"{counting} letters"


def reporting(queue: str | None = None) -> Workflow:
    flow = Workflow("reporting")
    flow.add_workflow(counting(), own_run=True, queue=queue)
    flow.add_task(report, depends_on=["counting"])
    return flow


@workflow
async def asks(name: str = "ada") -> str:
    return f"{name} said {await wait_for_signal('answer')}"


@workflow
async def delegates() -> str:
    return "heard: " + await step(asks, own_run=True)("bob")


flow = reporting()


def main(store: str, to: str, die: str) -> None:
    global effects, die_in
    effects, die_in = Path(to), die
    with penstock.open(store) as engine:
        engine.run(flow, {"text": " abc "})


if __name__ == "__main__":
    main(*sys.argv[1:])
