"""Ready steps that are held back: by their run, which is paused or has its fill, or by a limit under which they need a slot."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from penstock.engine.lanes import Lane
from penstock.model.policies import Policy
from penstock.model.state import Run, Step

if TYPE_CHECKING:
    from penstock.engine.asking import Slot


_AT_THE_DOOR = Lane("runs", 1_000_000)
"""Where runs are that need a slot themselves; there is room for any number."""


class Places:
    """The part of the core that knows who may not start yet. A step that does not start gives its slot back."""

    serial: int

    def __init__(self) -> None:
        self.wanting: list[Step] = []  # steps that need a slot under a limit, until the driver asks for it
        self.seeking: list[
            Step
        ] = []  # steps of which another run may have the result, until the driver has looked
        self._frees: list[Slot] = []

    def _enter(self, run: Run) -> None:
        """A run that needs a slot itself starts nothing before it has it."""
        under = getattr(run.program, "under", None)
        if under is not None:
            assert run.root is not None
            run.limit = 0
            run.entry = Step(run, run.root, "", "", None, Policy(limit=under), "ready", lane=_AT_THE_DOOR)
            self.wanting.append(run.entry)

    def _leave(self, run: Run) -> None:
        """A run is over here."""
        entry, run.entry = run.entry, None
        if entry is not None:
            entry.status = "cancelled"
            self._let_go(entry)

    def asking(self) -> list[Step]:
        """The steps that need a slot under a limit; each is named once."""
        asking, self.wanting = self.wanting, []
        return [step for step in asking if not step.run.gone]

    def admit(self, step: Step, slot: Slot) -> bool:
        """A step has the slot that it waited for. False: it is not to start any more."""
        if slot.asked.void:
            return False
        step.slot = slot
        if step is step.run.entry:
            step.run.limit = step.run.program.limit
            self._unpark(step.run)
            return True
        step.needs = self.serial
        step.lane.queue.append(step)
        return True

    def _line_up(self, step: Step) -> None:
        """A step may start as soon as its lane has a place, and its limit a slot."""
        if step.policy.cache is not None and step.cached is None:
            self.seeking.append(step)
        elif step.policy.limit is None:
            step.lane.queue.append(step)
        else:
            self.wanting.append(step)

    def sought(self) -> list[Step]:
        """The steps to look for now; those whose run is paused are left, those that are not to start are forgotten."""
        seeking = [step for step in self.seeking if step.status in ("ready", "waiting") and not step.run.gone]
        self.seeking = [step for step in seeking if step.run.status == "paused"]
        return [step for step in seeking if step.run.status != "paused"]

    def go_without(self, step: Step) -> None:
        """No other run has the result of a step: it goes where others start."""
        if step.cached is None:
            step.cached = False
        if step.status in ("ready", "waiting"):
            self._line_up(step)

    def _park(self, step: Step) -> None:
        """Its run holds a step back."""
        self._let_go(step)
        run = step.run
        run.parked = run.parked or deque()
        run.parked.append(step)

    def _unpark(self, run: Run, number: int | None = None) -> None:
        """Put so many steps that were held back (None: all) behind the others again, unless the run is paused."""
        parked = run.parked
        if not parked or run.status == "paused":
            return
        for _ in range(len(parked) if number is None else min(number, len(parked))):
            self._line_up(parked.popleft())

    def _release(self, step: Step) -> None:
        """An attempt is over, or is not waited for any more."""
        step.live = False
        step.lane.free += 1
        self._let_go(step)
        if step.run.parked:
            self._unpark(step.run, 1)

    def _let_go(self, step: Step) -> None:
        """Give back the slot of a step, if it has one, as soon as what is recorded of it is durable."""
        slot, step.slot = step.slot, None
        if slot is not None:
            self._frees.append(slot)
