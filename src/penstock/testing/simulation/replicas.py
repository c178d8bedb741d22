"""Runs as the store's logs tell them, folded by the real `evolve`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from penstock.model import events as e
from penstock.model.changes import Row
from penstock.model.invariants import Watch, find, projection
from penstock.model.machine import evolve, fold, forgiven_in
from penstock.model.program import Program
from penstock.model.state import Run
from penstock.model.undoing import can_be_undone
from penstock.testing.simulation.world import plain


class Replica:
    """A run as the store's log tells it."""

    def __init__(self, run_id: str, program: Program) -> None:
        self.program = program
        self.run = Run(run_id, program)
        self.watch = Watch()
        self.log: list[tuple[int, float, e.Event]] = []
        self.owner = ""
        self.places: list[int] = []  # of its events among those of all runs, as they were written

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


def was_settled(log: Sequence[tuple[int, float, e.Event]]) -> bool:
    """Whether a cancel is carried out by one who has not the run's code: it says nothing of what was under way."""
    last = [event for _, _, event in log[-2:]]
    return [type(event) for event in last] == [e.Owned, e.CancelAsked] and not can_be_undone(log)


def transitions(run: Run, event: e.Event) -> Iterator[str]:
    """Which rows of the tables of states an event is."""
    name = type(event).__name__
    yield f"run {run.status} {name}"
    if isinstance(event, e.StepStarted | e.StepDone | e.StepFailed | e.StepCancelled | e.StepReused):
        step = find(run, event.step, getattr(event, "item", None))
        if step is not None:
            how = ("final" if event.retry_at is None else "retry") if isinstance(event, e.StepFailed) else ""
            yield f"step {step.status} {name} {how}".rstrip()


def row_text(row: Row, event: e.Event) -> str:
    """A row's body for the simulation's log, without tracebacks: they name files and lines."""
    where = "" if row.step is None else row.step if row.item is None else f"{row.step}[{row.item}]"
    if isinstance(event, e.StepFailed | e.RunFailed):
        return f"{where} {event.error.type} {event.error.cause} {getattr(event, 'retry_at', '')}"
    return f"{where} {row.body[:200]}"


def difference(run: Run, replayed: Run) -> str:
    """Where a run in memory is not where its log is."""
    one, other = projection(run), projection(replayed)
    return "; ".join(f"{n} {plain(one[n])} and replayed {plain(other[n])}" for n in one if one[n] != other[n])
