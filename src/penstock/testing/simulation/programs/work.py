"""What simulated steps compute: sums that depend on every value that went in, and on the order of those in lists."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from random import Random
from typing import Any

import msgspec

from penstock.model.failure import Failure
from penstock.model.limits import Limit
from penstock.model.policies import DEFAULT, Policy, RetryPolicy
from penstock.testing.simulation.case import Fate

BIG = 1_000_003


def number_of(value: Any) -> int:
    """Any value of a simulated run as a number."""
    if value is None:
        return 11
    if isinstance(value, int):
        return value % BIG
    if isinstance(value, float):
        return int(value * 1_000) % BIG
    if isinstance(value, Failure):
        return 7
    if isinstance(value, str):
        return sum(map(ord, value))
    if isinstance(value, Mapping):
        return sum(number_of(key) * number_of(item) for key, item in value.items()) % BIG
    total = 17
    for item in value:
        total = (total * 31 + number_of(item)) % BIG
    return total


def combine(salt: int, **values: Any) -> int:
    """A number of all that a step was given, by name."""
    total = salt
    for name in sorted(values):
        total = (total * 131 + number_of(name) + 37 * number_of(values[name])) % BIG
    return total


def listing(salt: int, size: int, **values: Any) -> list[int]:
    """A list of so many numbers."""
    first = combine(salt, **values)
    return [(first + 7 * n) % 1_000 for n in range(size)]


def is_even(**values: Any) -> bool:
    """A condition."""
    return combine(1, **values) % 2 == 0


def draw_policy(chance: Random, *, hang: bool = True) -> tuple[Policy, Fate | None]:
    """A step's policy and its fate: mostly plain; else it fails, asks to be tried again, hangs, or dies."""
    kind = chance.random()
    if kind < 0.55:
        return DEFAULT if chance.random() < 0.7 else Policy(
            executor=_lane(chance), pure=chance.random() < 0.2
        ), None
    attempts = 1 + int(chance.random() * 3)
    retry = RetryPolicy(
        attempts,
        delay=round(chance.random() * 2, 3),
        backoff=2.0,
        jitter=_pick(chance, ("none", "full", "equal")),
    )
    lane = _lane(chance)
    if kind < 0.76:
        return Policy(retry, executor=lane), Fate(int(chance.random() * attempts))
    if kind < 0.82:
        return Policy(RetryPolicy(), executor=lane), Fate(1 + int(chance.random() * 2), "retry")
    if kind < 0.92 and hang:
        timeout = round(0.3 + chance.random() * 2, 3)
        return Policy(retry, timeout, executor=lane if lane != "inline" else None), Fate(attempts - 1, "hang")
    if kind < 0.945:
        return Policy(retry, executor=lane), Fate(attempts + 3)
    return Policy(retry, executor=lane), Fate(0, until_reopened=True)


def under(chance: Random, policy: Policy, limits: Sequence[Limit]) -> Policy:
    """The policy under one of these limits, as most steps are where there are any."""
    if not limits or chance.random() >= 0.8:
        return policy
    return msgspec.structs.replace(policy, limit=limits[int(chance.random() * len(limits))])


def _lane(chance: Random) -> str | None:
    lane: str | None = _pick(chance, (None, None, "inline", "narrow", "wide"))
    return lane


def _pick(chance: Random, choices: tuple[Any, ...]) -> Any:
    return choices[int(chance.random() * len(choices))]
