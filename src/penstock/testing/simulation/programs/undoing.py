"""Undos of simulated steps: what they compute, and how they fare."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from random import Random
from typing import Any

import msgspec

from penstock.model.policies import Policy, Undo
from penstock.model.undoing import PREFIX
from penstock.testing.simulation.case import Case, Fate, Key
from penstock.testing.simulation.programs.work import combine, draw_policy


def undone(result: Any, **given: Any) -> int:
    """What undoing a step comes to."""
    return combine(97, result=result, given=given)


def undoes_of(case: Case) -> Mapping[str, dict[str, Any]]:
    """The steps of a case that can be undone, and which of their arguments their undos are given."""
    found: Mapping[str, dict[str, Any]] = getattr(case, "undoes", {})
    return found


def likely_undone(fates: Mapping[Key, Fate]) -> float:
    """How probable a case should have undos: what is to be mended by reopening it rarely has, for then it is not."""
    return 0.35 if any(fate.until_reopened for fate in fates.values()) else 0.6


def with_undo(
    chance: Random,
    policy: Policy,
    name: str,
    fates: dict[Key, Fate],
    *,
    items: Iterable[int] | None = None,
    names: tuple[str, ...] = (),
) -> Policy:
    """The policy of a step that can be undone, and whose undo (of each item) has a fate of its own."""
    own, fate = draw_policy(chance)
    if fate is not None and fate.until_reopened:
        fate = Fate(99)
    if fate is not None:
        for undo in [name] if items is None else [f"{name}[{item}]" for item in items]:
            fates[PREFIX + undo, None] = fate
    return msgspec.structs.replace(
        policy, undo=Undo(undone, msgspec.structs.replace(own, pure=False), names=names)
    )


def below(path: str, step: str) -> str:
    """The name of a step, or of an undo, of a workflow that is a step of another."""
    if step.startswith(PREFIX):
        return f"{PREFIX}{path}/{step.removeprefix(PREFIX)}"
    return f"{path}/{step}"
