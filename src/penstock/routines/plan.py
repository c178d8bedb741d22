"""What a flow is to the engine: its slots as stations, its events as routes, made of the routines as they are now."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol

from penstock.context import is_async
from penstock.errors import DefinitionError
from penstock.model.policies import DEFAULT, policy_under
from penstock.routines.activation import Crew, Place, quick_step, step
from penstock.routines.binding import bind
from penstock.routines.messages import Route, Station, route_of
from penstock.routines.parties import Holding, Member, Sink, Source, Way
from penstock.routines.program import FlowProgram
from penstock.routines.strategies import ErrorHandler
from penstock.routines.tracker import ExecutionTracker

STRATEGIES = ("sequential", "concurrent")

Stations = dict[tuple[str, str], Station]


class Planned(Holding, Protocol):
    """What a program is made of."""

    flow_id: str
    hooks: list[Any]
    history: int
    execution_strategy: str
    max_workers: int
    execution_tracker: ExecutionTracker

    def ways(self, event: Source) -> Sequence[Way]: ...
    def get_error_handler(self) -> ErrorHandler | None: ...


def revision_of(flow: Planned, entry: str | None) -> tuple[Any, ...]:
    """What differs as soon as anything differs that a program is made of."""
    handlers = [flow.get_error_handler(), *(each.get_error_handler() for each in flow.routines.values())]
    return (
        *(None if each is None else each.settings() for each in handlers),
        entry,
        len(flow.hooks),
        flow.execution_strategy,
        flow.max_workers,
        *((each.revision, each.exclusive) for each in flow.routines.values()),
    )


def compiled(flow: Planned, entry: Place | None = None) -> FlowProgram:
    """A flow as a program, whose jobs begin at `entry` if they do not say where.

    Raises DefinitionError for a connection that leads out of the flow.
    """
    routines = flow.routines
    routes: dict[Any, Route] = {}
    crew = Crew(routines, routes, flow.hooks)
    stations: Stations = {}
    for name, routine in routines.items():
        for place in _places(name, routine):
            station = _station(flow, place, crew)
            stations[station.routine, station.slot] = station
    ids = {id(routine): name for name, routine in routines.items()}
    for name, routine in routines.items():
        for event in routine.events.values():
            route = route_of(
                name, event.name, tuple(_target(each, ids, stations) for each in flow.ways(event))
            )
            routes[event] = routes[f"{name}.{event.name}"] = route
    return FlowProgram(
        flow.flow_id,
        list(stations.values()),
        routes,
        kinds={name: type(routine).__name__ for name, routine in routines.items()},
        version=_version(stations.values(), routes),
        entry=None if entry is None else stations[entry.id, "" if entry.slot is None else entry.slot.name],
        history=flow.history,
        strategy=flow.execution_strategy,
        workers=flow.max_workers,
    )


def checked_strategy(strategy: str, workers: int | None) -> tuple[str, int]:
    """Raises DefinitionError for a strategy that is none, and for less than one worker."""
    if strategy not in STRATEGIES:
        raise DefinitionError(
            f"there is no execution strategy {strategy!r}; there are {', '.join(map(repr, STRATEGIES))}"
        )
    if workers is not None and workers < 1:
        raise DefinitionError(f"max_workers={workers!r} must be 1 or more")
    return strategy, workers or 5


def place_at(routine_id: str, routine: Member, slot: str | None) -> Place:
    """Where parameters go that a job begins with: the routine's own call if it has one, else its slot."""
    if slot is not None:
        return _at_slot(routine_id, routine, routine.slot(slot))
    if routine.has_call:
        return Place(routine_id, routine, None, bind(routine), routine.__call__)
    slots = list(routine.slots.values())
    if len(slots) != 1:
        known = ", ".join(repr(each.name) for each in slots) or "none"
        remedy = "name one: execute(..., entry_slot=...)" if slots else "define a slot, or __call__"
        raise DefinitionError(f"a job cannot begin at {routine_id!r}, whose slots are {known}: {remedy}")
    return _at_slot(routine_id, routine, slots[0])


def _at_slot(routine_id: str, routine: Member, slot: Sink) -> Place:
    return Place(routine_id, routine, slot, slot.call, slot.handler)


def _places(name: str, routine: Member) -> Iterable[Place]:
    if routine.has_call:
        yield place_at(name, routine, None)
    for slot in routine.slots.values():
        yield _at_slot(name, routine, slot)


def _station(flow: Planned, place: Place, crew: Crew) -> Station:
    slot, routine = place.slot, place.routine
    errors = routine.get_error_handler() or flow.get_error_handler()
    merge = _merge_of(slot)
    tally = flow.execution_tracker.tally(place.id)
    recorded = step(place, crew, tally)
    plain = merge != "own" and not crew.hooks and not (place.handler is not None and is_async(place.handler))
    return Station(
        place.id,
        "" if slot is None else slot.name,
        quick_step(place, tally) if plain else recorded,
        recorded,
        policy=policy_under(
            getattr(type(routine), "limit", None), DEFAULT if errors is None else errors.policy()
        ),
        merge=merge,
        goes_on="" if errors is None else errors.goes_on,
        exclusive=routine.exclusive or merge != "override",
        capacity=None if slot is None else slot.capacity,
        when_full="wait" if slot is None else slot.when_full,
    )


def _merge_of(slot: Sink | None) -> str:
    if slot is None:
        return "override"
    return slot.merge_strategy if isinstance(slot.merge_strategy, str) else "own"


def _target(
    connection: Way, ids: Mapping[int, str], stations: Stations
) -> tuple[Station, dict[str, str] | None]:
    slot = connection.target_slot
    found = ids.get(id(slot.routine))
    if found is None:
        raise DefinitionError(
            f"{connection!r} leads to a routine that is not in the flow: add it with flow.add_routine(...)"
        )
    return stations[found, slot.name], connection.param_mapping or None


def _version(stations: Iterable[Station], routes: Mapping[Any, Route]) -> str:
    """A digest of the structure: where messages can be delivered, and where events lead."""
    lines = [f"{each.routine} {each.slot} {each.merge}" for each in stations]
    for source, route in routes.items():
        if isinstance(source, str):
            ways = [
                f"{to.routine} {to.slot} {sorted((mapping or {}).items())}" for to, mapping in route.targets
            ]
            lines.append(f"{source} -> {'; '.join(ways)}")
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]
