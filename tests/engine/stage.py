"""A stage for the core: lanes, a clock that is set by hand, and batches as sentences."""

from __future__ import annotations

from typing import Any

from penstock.engine.core import Core
from penstock.engine.lanes import Batch, Lane
from penstock.model import events as e
from penstock.model.failure import Failure
from penstock.model.machine import Run, Step, fold
from penstock.model.program import Plan
from tests.unit.scripted import Script, oops


class Stage:
    """A core with one lane ("main"), or more where steps name an executor. Time stands still unless told to move."""

    def __init__(self, slots: int = 10) -> None:
        self.lanes: dict[str, Lane] = {}
        self.slots = slots
        self.now = 100.0
        self.core = Core(self._route, self._text, lambda: self.now)
        self.log: list[tuple[Run, int, float, e.Event]] = []
        self.unstorable: Any = None
        self._route_named("main")

    def _text(self, value: Any) -> str:
        from penstock.errors import CodecError

        if value is not None and value is self.unstorable:
            raise CodecError("no way to store this")
        return repr(value)

    def _route(self, step: Step) -> Lane:
        return self._route_named(step.policy.executor or "main")

    def _route_named(self, name: str) -> Lane:
        if name not in self.lanes:
            self.lanes[name] = self.core.add_lane(Lane(name, self.slots))
        return self.lanes[name]

    # What happens

    def begin(self, script: Plan, id: str = "r", **facts: Any) -> Run:
        run = Run(id, script)
        self.core.start(run, e.RunStarted(script.name, script.version, None, 1, **facts), self.now)
        return run

    def seal(self) -> Batch:
        """The next batch; empty if there is none."""
        batch = self.core.seal(self.now)
        if batch is None:
            return Batch(0, [], [], [], [])
        self.log.extend(batch.rows)
        return batch

    def starts(self) -> list[str]:
        """Which steps the next batch starts, each begun."""
        batch = self.seal()
        return [named(step) for step in batch.starts if self.core.begin(step, self.now)]

    def done(self, run: Run, step: str, value: Any = None, item: int | None = None) -> bool:
        return self.core.ended(self.step(run, step, item), value, repr(value), self.now)

    def fail(self, run: Run, step: str, error: Failure | None = None, item: int | None = None) -> bool:
        return self.core.failed(self.step(run, step, item), error or oops(), self.now)

    def wait(self, seconds: float) -> None:
        """Time passes, and timers go off."""
        self.now += seconds
        self.core.due(self.now)

    def step(self, run: Run, name: str, item: int | None = None) -> Step:
        step = run.open[name]
        if item is None:
            return step
        assert step.family is not None
        return step.family.active[item]

    # What was said

    def adopted(self, run: Run, script: Plan, reopen: list[int] | None = None, epoch: int = 2) -> Run:
        """The run as another engine takes it up from all rows sealed so far."""
        log = [(sequence, at, event) for owner, sequence, at, event in self.log if owner is run]
        state = fold(Run(run.id, script, reopen or ()), log)
        state.epoch = epoch
        other = Stage(self.slots)
        other.now = self.now
        other.log = [(state, *fact) for fact in log]
        self.__dict__.update(other.__dict__)
        self.core = other.core
        self.core._route = self._route
        self.core.timers._monotonic = lambda: self.now
        self.core.adopt(state, epoch, "other", self.now, reopen)
        return state


def named(step: Step) -> str:
    return step.id if step.item is None else f"{step.id}[{step.item}]"


def kinds(batch: Batch) -> list[str]:
    """The rows of a batch in words: kind, and step where there is one."""
    return [
        f"{e.KIND_OF[type(event)]} {getattr(event, 'step', None) or ''}".strip()
        for _, _, _, event in batch.rows
    ]


__all__ = ["Script", "Stage", "kinds", "named", "oops"]
