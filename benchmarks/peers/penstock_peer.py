"""Penstock at its default settings: a graph of tasks on SQLite that survives a power cut, or, as `ephemeral`, kept nowhere.

Parallel steps are tasks of their own, as in the other engines' graphs, though a map over items would be quicker.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from functions import chain_module, fan_out_module
from workloads import FIRST, SHORT_STEPS, Peer, Work, main, short_inputs

import penstock
from penstock import Run, Workflow
from penstock.errors import CommandRefused

STORE = "sqlite:///penstock.db"
LONGEST_EPHEMERAL = 300
"""As long as Hamilton's chains can be: the two are compared."""

RESUME_SECONDS = 60
ASK_AGAIN_SECONDS = 0.01


class Penstock(Peer):
    name = "penstock"

    def __init__(self, variant: str = "") -> None:
        super().__init__(variant)
        self._store = variant or STORE
        if variant == "ephemeral":
            self.longest = LONGEST_EPHEMERAL

    @contextmanager
    def running(self) -> Iterator[None]:
        with penstock.open(self._store) as self._engine:
            yield

    def chain(self, n: int) -> Work:
        flow = steps(n).using(store=self._engine)
        return lambda: str(flow.run(step0=FIRST))

    def fan_out(self, n: int) -> Work:
        flow = items(n).using(store=self._engine)
        return lambda: str(flow.run(value=FIRST))

    def one_by_one(self, n: int) -> Work:
        flow = steps(SHORT_STEPS).using(store=self._engine)
        return lambda: [flow.run(step0=value) for value in short_inputs(n)]

    def in_flight(self, n: int) -> Work:
        flow = steps(SHORT_STEPS).using(store=self._engine)

        def work() -> list[str]:
            runs = [flow.start(step0=value) for value in short_inputs(n)]
            return [run.result() for run in runs]

        return work

    def interrupt(self, n: int) -> Work:
        return self.chain(n)

    def resume(self, n: int) -> Work:
        flow = steps(n)
        return lambda: str(self._taken_up(flow).result())

    def _taken_up(self, flow: Workflow) -> Run[Any]:
        """Until the killed process's lease has run out, its run counts as alive: ask again."""
        killed = self._engine.get("latest")
        given_up = time.monotonic() + RESUME_SECONDS
        while True:
            try:
                return self._engine.resume(killed.id, flow, wait=True)
            except CommandRefused:
                if time.monotonic() > given_up:
                    raise
                time.sleep(ASK_AGAIN_SECONDS)


def steps(n: int) -> Workflow:
    functions = chain_module(n)
    flow = Workflow(f"steps-{n}")
    flow.add_task(functions.step1)
    for k in range(2, n + 1):
        flow.add_task(getattr(functions, f"step{k}"), depends_on=f"step{k - 1}")
    return flow


def items(n: int) -> Workflow:
    functions = fan_out_module(n)
    flow = Workflow(f"items-{n}")
    names = [f"item{k}" for k in range(n)]
    for name in names:
        flow.add_task(getattr(functions, name))
    flow.add_task(functions.joined, depends_on=names)
    return flow


if __name__ == "__main__":
    main(Penstock)
