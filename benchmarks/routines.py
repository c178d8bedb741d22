"""What does an activation of a routine cost in memory: bound, emitted, recorded in a bounded history, tracked, observed?"""

from __future__ import annotations

import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import penstock
from benchmarks.measuring.bare import seconds_a_task
from benchmarks.measuring.figures import Budget, Figure, figure
from benchmarks.measuring.rounds import Scale, in_turn
from benchmarks.measuring.work import VALUE, Recorded, expect, turn, turned
from penstock.routines import Flow, Routine

ACTIVATIONS = 10_000
RING = 10
"""So many routines stand in a ring, through which one message goes round and round."""

ACTIVATION = Budget("routines", "routines in memory: an activation, bounded history", "A", must=0.8, aim=0.6)
BUDGETS = (ACTIVATION,)


class Turn(Routine):
    """Turns what it is given, and passes it on."""

    def __init__(self) -> None:
        super().__init__()
        self.define_slot("input", handler=self.take)
        self.define_event("output", ["value"])

    def take(self, value: str) -> None:
        self.emit("output", value=turn(value))


class Gate(Turn):
    """The first of the ring: lets the message out after so many rounds."""

    def __init__(self) -> None:
        super().__init__()
        self.rounds = 0
        self.define_event("out", ["value"])

    def take(self, value: str) -> None:
        self.rounds -= 1
        self.emit("output" if self.rounds >= 0 else "out", value=turn(value))


def ring() -> tuple[Flow, Gate]:
    flow, gate = Flow("ring"), Gate()
    ids = [flow.add_routine(gate, "gate"), *(flow.add_routine(Turn(), f"turn{n}") for n in range(1, RING))]
    for before, after in pairwise([*ids, ids[0]]):
        flow.connect(before, "output", after, "input")
    return flow, gate


def measure(scale: Scale, folder: Path) -> Iterator[Figure]:
    rounds = scale.of(ACTIVATIONS) // RING
    number = rounds * RING + 1
    flow, gate = ring()
    recorded = Recorded()

    def work() -> float:
        gate.rounds = rounds
        with penstock.open("ephemeral", observers=[recorded]) as engine:
            begun = time.perf_counter()
            job = flow.execute("gate", {"value": VALUE}, store=engine)
            spent = time.perf_counter() - begun
        expect((job.status, job.outputs), ("completed", {"gate.out": {"value": turned(number)}}))
        expect(len(job.execution_history), min(flow.history, number + 1))
        recorded.expect(number, runs=1)
        return spent / number

    found = in_turn(scale, seconds_a_task, work)
    yield figure(ACTIVATION, found.ratio, found.quietest, rounds=found.number, note=found.note("A"))
