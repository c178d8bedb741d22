"""Runs as the store's logs tell them, folded by the real `evolve`."""

from __future__ import annotations

from penstock.model import events as e
from penstock.model.invariants import Watch
from penstock.model.machine import evolve, fold, forgiven_in
from penstock.model.program import Program
from penstock.model.state import Run


class Replica:
    """A run as the store's log tells it."""

    def __init__(self, run_id: str, program: Program) -> None:
        self.program = program
        self.run = Run(run_id, program)
        self.watch = Watch()
        self.log: list[tuple[int, float, e.Event]] = []
        self.owner = ""
        self.place = 0  # of its last event among those of all runs, as they were written

    def add(self, sequence: int, at: float, event: e.Event) -> None:
        self.log.append((sequence, at, event))
        if type(event) is e.RunReopened:
            self.run = fold(
                Run(self.run.id, self.program, forgiven_in(event for _, _, event in self.log)), self.log
            )
            return
        evolve(self.run, event, at)
        news = self.run.news
        news.said.clear()
        news.ready.clear()
        news.timers.clear()
        news.stops.clear()
