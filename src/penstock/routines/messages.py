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
    """Where an event leads: stations, each with the parameters to rename or None."""

    routine: str
    event: str
    targets: tuple[tuple[Station, Mapping[str, str] | None], ...]


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
