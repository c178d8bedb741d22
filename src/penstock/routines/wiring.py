"""Slots, which take messages in, events, which send them out, and the connections between them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Literal

from penstock.errors import DefinitionError
from penstock.routines.binding import Call, bind
from penstock.routines.emitting import emit
from penstock.routines.messages import appended, renamed
from penstock.routines.parties import Member

Merge = Literal["override", "append"] | Callable[[dict[str, Any], dict[str, Any]], dict[str, Any]]
WhenFull = Literal["wait", "drop_new", "drop_old", "fail"]


class Slot:
    """Where a routine takes messages in. Each message is one activation of its handler.

    `merge_strategy` says what the handler is given beside the newest data: "override" nothing, "append" lists of all that came,
    by name, and a function `(old, new)` what it returns. What was merged belongs to the job. With `capacity`, at most so many
    messages wait for it: `when_full` says whether those that feed it "wait" in a concurrent flow, a message is dropped
    ("drop_new", "drop_old"), or the activation that emitted it fails ("fail").
    """

    def __init__(
        self,
        name: str = "",
        routine: Member | None = None,
        handler: Callable[..., Any] | None = None,
        merge_strategy: Merge = "override",
        capacity: int | None = None,
        when_full: WhenFull = "wait",
    ) -> None:
        _check_merge(name, merge_strategy)
        _check_capacity(name, capacity, when_full)
        self.name = name
        self.routine = routine
        self.handler = handler
        self.merge_strategy = merge_strategy
        self.capacity = capacity
        self.when_full = when_full
        self.connections: list[Connection] = []
        self.call: Call = bind(handler) if handler is not None else _nothing
        self._data: dict[str, Any] = {}

    @property
    def connected_events(self) -> list[Event]:
        """The events that lead here, in the order in which they were connected."""
        return list(dict.fromkeys(each.source_event for each in self.connections))

    def connect(self, event: Event, param_mapping: Mapping[str, str] | None = None) -> Connection:
        """See Event.connect."""
        return event.connect(self, param_mapping)

    def disconnect(self, event: Event) -> None:
        """Undo every connection from an event to here."""
        event.disconnect(self)

    def receive(self, data: Mapping[str, Any]) -> Any:
        """Merge data and call the handler with it, here and now: what a job does for each message, without one."""
        self._data = self.merged(self._data, dict(data))
        return self.call(self._data)

    def merged(self, old: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
        """What the handler is to be given when `new` comes and the slot holds `old`."""
        if self.merge_strategy == "override":
            return new
        if self.merge_strategy == "append":
            return appended(old, new)
        found = self.merge_strategy(old, new)
        if not isinstance(found, dict):
            raise DefinitionError(
                f"the merge strategy of slot {self.name!r} returned {type(found).__name__}: it must return a dict"
            )
        return found

    def __repr__(self) -> str:
        return f"<Slot {place_of(self.routine, self.name)}>"


class Event:
    """What a routine sends out: `emit` delivers its parameters to every slot it is connected to, in order."""

    def __init__(
        self,
        name: str = "",
        routine: Member | None = None,
        output_params: Iterable[str] | Mapping[str, type] | None = None,
    ) -> None:
        if isinstance(output_params, str):
            raise DefinitionError(f"output_params of event {name!r} must be a list: [{output_params!r}]")
        self.name = name
        self.routine = routine
        self.output_params = list(output_params or ())
        self.output_types = dict(output_params) if isinstance(output_params, Mapping) else {}
        self.connections: list[Connection] = []

    @property
    def connected_slots(self) -> list[Slot]:
        """The slots it leads to, in the order in which they were connected."""
        return list(dict.fromkeys(each.target_slot for each in self.connections))

    def connect(
        self, slot: Slot, param_mapping: Mapping[str, str] | None = None, *, flow: Any = None
    ) -> Connection:
        """Deliver to a slot from now on, parameters renamed as the mapping says. The same connection is made once.

        With `flow` in the jobs of that flow alone, as Flow.connect makes it.
        """
        mapping = dict(param_mapping or {})
        for known in self.connections:
            if known.target_slot is slot and known.param_mapping == mapping and known.flow is flow:
                return known
        made = Connection(self, slot, mapping, flow)
        self.connections.append(made)
        slot.connections.append(made)
        _changed(self.routine, slot.routine)
        return made

    def disconnect(self, slot: Slot) -> None:
        """Undo every connection to a slot."""
        for each in [known for known in self.connections if known.target_slot is slot]:
            each.disconnect()

    def emit(self, **data: Any) -> None:
        """See Routine.emit."""
        emit(self, data)

    def __repr__(self) -> str:
        return f"<Event {place_of(self.routine, self.name)}>"


class Connection:
    """One way from an event to a slot. `param_mapping` renames parameters: {"result": "data"}. `flow` None: in every flow."""

    def __init__(
        self,
        source_event: Event,
        target_slot: Slot,
        param_mapping: Mapping[str, str] | None = None,
        flow: Any = None,
    ) -> None:
        self.flow = flow
        self.source_event = source_event
        self.target_slot = target_slot
        self.param_mapping = dict(param_mapping or {})

    def activate(self, data: Mapping[str, Any]) -> Any:
        """Hand data to the slot as this connection would: renamed, merged, here and now."""
        return self.target_slot.receive(renamed(data, self.param_mapping))

    def disconnect(self) -> None:
        """Deliver this way no more."""
        for known in (self.source_event.connections, self.target_slot.connections):
            if self in known:
                known.remove(self)
        _changed(self.source_event.routine, self.target_slot.routine)

    def __repr__(self) -> str:
        return f"<Connection {self.source_event!r} to {self.target_slot!r}>"


def place_of(routine: Member | None, name: str) -> str:
    """`DataProcessor.output`."""
    return f"{type(routine).__name__}.{name}" if routine is not None else name


def _nothing(data: dict[str, Any]) -> None:
    """The handler of a slot that has none."""


def _changed(*routines: Member | None) -> None:
    for routine in routines:
        if routine is not None:
            routine.revision += 1


def _check_merge(name: str, strategy: Any) -> None:
    if strategy not in ("override", "append") and not callable(strategy):
        raise DefinitionError(
            f"slot {name!r}: merge_strategy={strategy!r} must be 'override', 'append' or a function (old, new)"
        )


def _check_capacity(name: str, capacity: int | None, when_full: str) -> None:
    if capacity is not None and capacity < 1:
        raise DefinitionError(f"slot {name!r}: capacity={capacity!r} must be 1 or more, or None for no limit")
    if when_full not in ("wait", "drop_new", "drop_old", "fail"):
        raise DefinitionError(
            f"slot {name!r}: when_full={when_full!r} must be 'wait', 'drop_new', 'drop_old' or 'fail'"
        )
