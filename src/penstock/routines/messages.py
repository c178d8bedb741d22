"""Where messages can go, as the program sees it, and what becomes of their data on the way."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from penstock.model.policies import DEFAULT, Policy

Routes = Mapping[Any, "Route"]
"""By source: the event itself, and "routine.event"."""


class Station(msgspec.Struct, eq=False, frozen=True, gc=False):
    """A slot as the program sees it; slot "" is the routine's own call. `lived` and `recorded` run its handler as a step.

    `merge` is "override", "append" or "own": a function of the author's, which the step calls. `goes_on` is the word for a
    routine whose failure does not stop the job. Of an `exclusive` one's routine one activation runs at a time; so it is with
    every routine where the job is recorded: what an activation changed could not be told from what another did meanwhile.
    """

    routine: str
    slot: str
    lived: Any
    recorded: Any
    policy: Policy = DEFAULT
    merge: str = "override"
    goes_on: str = ""
    exclusive: bool = False
    capacity: int | None = None
    when_full: str = "wait"


class Route(msgspec.Struct, frozen=True, gc=False):
    """Where an event leads: stations, each with the parameters to rename or None.

    `only` is the station of an event that leads to one alone, renames nothing and has nothing to merge.
    """

    routine: str
    event: str
    targets: tuple[tuple[Station, Mapping[str, str] | None], ...]
    only: Station | None = None


def route_of(
    routine: str, event: str, targets: tuple[tuple[Station, Mapping[str, str] | None], ...]
) -> Route:
    """A route, with its `only` station where it has one."""
    plain = [
        to for to, mapping in targets if mapping is None and to.merge == "override" and to.capacity is None
    ]
    return Route(routine, event, targets, plain[0] if len(plain) == len(targets) == 1 else None)


def renamed(data: Mapping[str, Any], mapping: Mapping[str, str]) -> dict[str, Any]:
    """The same values, some under other names; a name that is given takes the place of one that was there."""
    kept = {name: value for name, value in data.items() if name not in mapping}
    return kept | {mapping[name]: value for name, value in data.items() if name in mapping}


def appended(held: Mapping[str, Any], data: Mapping[str, Any]) -> dict[str, Any]:
    """What a slot holds that keeps all it was ever given: a list for each name."""
    whole = {name: list(values) for name, values in held.items()}
    for name, value in data.items():
        whole.setdefault(name, []).append(value)
    return whole
