"""Ready steps that are held back: by their run, which is paused or has its fill, or by a limit under which they need a slot."""

from __future__ import annotations

from collections import deque

from penstock.engine.doors import Door, Doors, door_before, door_of
from penstock.engine.lanes import Held, Lane
from penstock.model.state import Run, Step


class Places:
    """The part of the core that knows who may not start yet. A step that does not start gives its slot back."""

    serial: int

    def __init__(self) -> None:
        self.wanting: list[Step] = []  # steps that need a slot under a limit, until the driver asks for it
        self.seeking: list[
            Step
        ] = []  # steps of which another run may have the result, until the driver has looked
        self._frees: list[Held] = []

    def _mind_gates(self, run: Run) -> None:
        """Scopes that need a slot themselves were opened, or are over: they start nothing before they have it."""
        gates, run.news.gates = run.news.gates, None
        if run.doors is None:
            run.doors = Doors()
        doors = run.doors
        for scope in gates or ():
            if run.scopes.get(scope.path, run.root) is not scope:
                self._close(doors.pop(scope, None))
            elif scope not in doors:
                door = doors[scope] = Door(run, scope)
                self._line_up(door.step)
        self._count_doors(run)

    def _count_doors(self, run: Run) -> None:
        """As long as one is shut, every step of the run is looked at before it starts."""
        run.limit = 0 if run.doors.count() else run.program.limit

    def _close(self, door: Door | None) -> None:
        """What is behind a door is over, and needs no slot any more."""
        if door is not None:
            door.step.status = "cancelled"
            self._let_go(door.step)

    def _open(self, door: Door) -> None:
        """What is behind a door may start."""
        self._count_doors(door.step.run)
        while door.steps:
            self._line_up(door.steps.popleft())

    def turn_away(self, step: Step, lane: Lane) -> None:
        """A step fails on this lane; of what needs a slot itself all steps do."""
        door = door_of(step)
        if door is None:
            step.lane = lane
            lane.queue.append(step)
        else:
            door.away = lane
            self._open(door)

    def _leave(self, run: Run) -> None:
        """A run is over here."""
        doors, run.doors = run.doors, None
        for door in doors.values() if doors else ():
            self._close(door)

    def asking(self) -> list[Step]:
        """The steps that need a slot under a limit; each is named once."""
        asking, self.wanting = self.wanting, []
        return [step for step in asking if not step.run.gone]

    def admit(self, step: Step, slot: Held) -> bool:
        """A step has the slot that it waited for. False: it is not to start any more."""
        if slot.void:
            return False
        step.slot = slot
        door = door_of(step)
        if door is not None:
            self._open(door)
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
        elif (door := door_before(step)) is not None and door.away is None:
            door.steps.append(step)
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

    def _hold_back(self, step: Step) -> bool:
        """Whether a step may not start for now: a door before it is shut, or its run is paused or has its fill."""
        run = step.run
        door = door_before(step)
        if door is not None and step.lane is not door.away:
            self._let_go(step)
            if door.away is None:
                door.steps.append(step)
            else:
                step.lane = door.away
                door.away.queue.append(step)
            return True
        limit = run.program.limit
        if run.status != "paused" and (limit is None or run.running < limit):
            return False
        self._let_go(step)
        run.parked = run.parked or deque()
        run.parked.append(step)
        return True

    def _unpark(self, run: Run, number: int | None = None) -> None:
        """Put so many steps that were held back (None: all) behind the others again, unless the run is paused.

        What is not to start any more does not count: it would take the place of one that is.
        """
        parked = run.parked
        if not parked or run.status == "paused":
            return
        left = len(parked) if number is None else number
        while parked and left:
            step = parked.popleft()
            if step.status in ("ready", "waiting"):
                self._line_up(step)
                left -= 1

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
