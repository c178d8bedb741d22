"""What looks wrong with a flow before any job of it runs: nothing leads there, it leads nowhere, types do not fit."""

from __future__ import annotations

import inspect
import types
import typing
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

from penstock.errors import DefinitionError
from penstock.model.parameters import Parameter
from penstock.routines.binding import parameters_of, signature_of
from penstock.routines.parties import Member
from penstock.routines.wiring import Connection

if TYPE_CHECKING:
    from penstock.routines.building import Building


class Problem(NamedTuple):
    """One thing that looks wrong: `kind` is "unconnected", "unreachable" or "mismatch"."""

    kind: str
    place: str
    said: str

    def __str__(self) -> str:
        return f"{self.place}: {self.said}"


def problems(flow: Building) -> Iterator[Problem]:
    """See Flow.validate."""
    yield from _unreachable(flow)
    yield from _unconnected(flow)
    ids = {id(routine): name for name, routine in flow.routines.items()}
    for each in flow.connections:
        yield from _mismatches(each, ids)


def _unreachable(flow: Building) -> Iterator[Problem]:
    routines = flow.routines
    try:
        entry = flow.entry_id()
    except DefinitionError:
        if len(routines) > 1:
            led_to = {id(each.target_slot.routine) for each in flow.connections}
            for name, routine in routines.items():
                if id(routine) not in led_to and not any(
                    event.connections for event in routine.events.values()
                ):
                    yield Problem("unreachable", name, "nothing leads to it and it leads nowhere: connect it")
        return
    reached = {id(routines[entry])}
    waiting: list[Member] = [routines[entry]]
    while waiting:
        for event in waiting.pop().events.values():
            for slot in [way.target_slot for way in flow.ways(event)]:
                if slot.routine is not None and id(slot.routine) not in reached:
                    reached.add(id(slot.routine))
                    waiting.append(slot.routine)
    for name, routine in routines.items():
        if id(routine) not in reached:
            yield Problem("unreachable", name, f"a job that begins at {entry!r} never comes here: connect it")


def _unconnected(flow: Building) -> Iterator[Problem]:
    try:
        entry: str | None = flow.entry_id()
    except DefinitionError:
        entry = None
    led_to = {each.target_slot for each in flow.connections}
    for name, routine in flow.routines.items():
        for slot in routine.slots.values():
            if slot not in led_to and name != entry:
                yield Problem("unconnected", f"{name}.{slot.name}", "no event leads to this slot")
            if slot.handler is None:
                yield Problem("unconnected", f"{name}.{slot.name}", "this slot has no handler")


def _mismatches(connection: Connection, ids: dict[int, str]) -> Iterator[Problem]:
    event, slot = connection.source_event, connection.target_slot
    source = f"{ids.get(id(event.routine), '?')}.{event.name}"
    target = f"{ids.get(id(slot.routine), '?')}.{slot.name}"
    place = f"{source} -> {target}"
    declared = event.output_params
    if not declared:
        return
    for name in connection.param_mapping:
        if name not in declared:
            yield Problem(
                "mismatch", place, f"renames {name!r}, which is not emitted: {', '.join(declared)} are"
            )
    if slot.handler is None or slot.merge_strategy != "override":
        return
    given = {connection.param_mapping.get(name, name): name for name in declared}
    expected = parameters_of(slot.handler)
    if _takes_any(slot.handler, expected):
        return
    for parameter in expected.values():
        if parameter.required and parameter.name not in given:
            yield Problem(
                "mismatch", place, f"the handler needs {parameter.name!r}; emitted are {', '.join(given)}"
            )
    yield from _types(connection, place, given, expected)


def _types(
    connection: Connection, place: str, given: dict[str, str], expected: dict[str, Parameter]
) -> Iterator[Problem]:
    """Types that events were declared with, as in define_event("output", {"result": int}), beside those of parameters."""
    known = connection.source_event.output_types
    for name, parameter in expected.items():
        emitted = known.get(given.get(name, ""))
        if emitted is not None and not _fits(emitted, parameter.annotation):
            wanted = getattr(parameter.annotation, "__name__", str(parameter.annotation))
            yield Problem(
                "mismatch",
                place,
                f"{name!r} is emitted as {emitted.__name__}, and the handler takes {wanted}",
            )


def _takes_any(handler: Any, expected: dict[str, Parameter]) -> bool:
    """Whether a handler takes whatever comes: any names, or a lone parameter."""
    kinds = {each.kind for each in signature_of(handler)}
    return inspect.Parameter.VAR_KEYWORD in kinds or len(expected) < 2


def _fits(emitted: type, annotation: Any) -> bool:
    if annotation in (inspect.Parameter.empty, Any, object):
        return True
    parts = typing.get_args(annotation) if _is_union(annotation) else (annotation,)
    kinds = [typing.get_origin(each) or each for each in parts]
    if any(not isinstance(each, type) for each in kinds):
        return True
    return any(issubclass(emitted, each) for each in kinds) or (float in kinds and emitted is int)


def _is_union(annotation: Any) -> bool:
    return typing.get_origin(annotation) in (typing.Union, types.UnionType)
