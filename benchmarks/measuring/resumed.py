"""The run that is resumed, and the process that does it: timed from its start, so it imports little."""

from __future__ import annotations

import sys
from contextlib import suppress
from typing import Any

import penstock
from benchmarks.measuring.work import VALUE, expect, item, joined, source


class Last:
    """The last step: interrupted when it is told to be."""

    __name__ = "join"

    def __init__(self) -> None:
        self.interrupting = False

    def __call__(self, **items: str) -> list[Any]:
        if self.interrupting:
            raise KeyboardInterrupt
        return [len(items), sorted(set(items.values()))]


last = Last()


def workflow(steps: int) -> penstock.Workflow:
    flow = penstock.Workflow(f"resumed-{steps}")
    flow.add_task(source)
    names = [f"item{number}" for number in range(steps - 2)]
    for name in names:
        flow.add_task(item, name=name, depends_on="source")
    flow.add_task(last, name="join", depends_on=names)
    return flow


def interrupt(engine: penstock.Engine, flow: penstock.Workflow) -> None:
    """Start a run and leave it in its last step."""
    last.interrupting = True
    with suppress(KeyboardInterrupt):
        flow.using(store=engine).run(value=VALUE)
    last.interrupting = False


def main() -> None:
    what, path, steps = sys.argv[1], sys.argv[2], int(sys.argv[3])
    flow = workflow(steps)
    with penstock.open(f"sqlite:///{path}") as engine:
        if what == "interrupt":
            interrupt(engine, flow)
        else:
            run = engine.resume(engine.get("latest").id, flow, wait=True)
            expect(run.result(), joined(steps - 2))


if __name__ == "__main__":
    main()
