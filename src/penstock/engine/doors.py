"""Where a run, or a workflow inside one, waits for a slot of its own under a limit, and its steps with it."""

from __future__ import annotations

from collections import deque
from typing import Final

from penstock.engine.lanes import Lane
from penstock.errors import DefinitionError
from penstock.model.changes import Guard
from penstock.model.gates import limit_of
from penstock.model.policies import Policy
from penstock.model.state import Run, Scope, Step

_AT_THE_DOOR: Final = Lane("runs", 1_000_000)
"""The lane of what needs a slot as a whole; there is room for any number."""


class Door:
    """`step` stands for the scope and holds its slot; `steps` wait for that. Without hope of one they fail, on lane `away`."""

    __slots__ = ("away", "step", "steps")

    def __init__(self, run: Run, scope: Scope) -> None:
        assert scope.gate is not None
        under = Policy(limit=limit_of(scope.gate.program))
        self.step = Step(
            run, scope, scope.key, scope.path[:-1], scope.gate, under, "ready", lane=_AT_THE_DOOR
        )
        self.steps: deque[Step] = deque()
        self.away: Lane | None = None


class Doors(dict[Scope, Door]):
    """Those of one run. `guards` stand in the store as long as the engine has the slots that it holds for them."""

    guards: tuple[Guard, ...] = ()

    def count(self) -> bool:
        """Note what has a slot; whether something has none."""
        slots = [door.step.slot for door in self.values()]
        self.guards = tuple(slot.guard for slot in slots if slot is not None and slot.guard is not None)
        return None in slots


def door_of(step: Step) -> Door | None:
    """The door of the scope that this step stands for."""
    doors = step.run.doors
    door: Door | None = doors.get(step.scope) if doors else None
    return door if door is not None and door.step is step else None


def door_before(step: Step) -> Door | None:
    """The nearest door around a step that has no slot. One inside another asks for its slot when that has its own."""
    doors = step.run.doors
    scope: Scope | None = step.scope if doors else None
    while scope is not None and doors is not None:
        door: Door | None = doors.get(scope)
        if door is not None and door.step is not step and door.step.slot is None:
            return door
        scope = scope.parent
    return None


def refuse_circle(step: Step, key: str, what: str) -> None:
    """Raise DefinitionError for what needs, as a whole, a slot under the key that something around it has one of."""
    doors = step.run.doors if door_of(step) is not None else None
    scope = step.scope.parent
    while scope is not None and doors:
        door: Door | None = doors.get(scope)
        if door is not None and door.step.slot is not None and door.step.slot.key == key:
            raise DefinitionError(
                f"{what} is under limit {key!r}, and inside {door.step.id or 'a run'}, which has a slot under it: they"
                " would wait for each other; give one of them another key"
            )
        scope = scope.parent
