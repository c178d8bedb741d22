"""What becomes of an attempt: how long it takes, how it ends, what it gives. Pure: chance is handed in as numbers.

Each attempt of each step of each run has chances of its own, which depend on the seed and on nothing else. So two simulations
of one seed draw the same where they do the same, and differ by what was changed between them, not by luck.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from hashlib import blake2b
from typing import Any, NamedTuple, Protocol

from penstock.model.failure import Failure

_ATOMS = (type(None), bool, int, float, str, bytes)
_SCALE = 2.0**-64


class Drawn(NamedTuple):
    """One attempt: after `seconds` it gives `value`, or fails. `endless`: it lasts until it times out, if it has a timeout."""

    seconds: float
    value: Any = None
    failure: Failure | None = None
    endless: bool = False


class Asked(NamedTuple):
    """The attempt that is drawn for. `chance(n)` is its n-th number in [0, 1); `size` that of its encoded input, if known."""

    step: str
    item: int | None
    attempt: int
    chance: Callable[[int], float]
    size: Callable[[], int | None]


class Source(Protocol):
    """Where attempts are drawn from."""

    def draw(self, asked: Asked) -> Drawn: ...


def chance(seed: int, what: str, number: int) -> float:
    """A number in [0, 1) that depends on these three and looks like nothing else."""
    digest = blake2b(f"{seed}|{what}|{number}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") * _SCALE


def fresh(value: Any) -> Any:
    """A value to hand out: a copy, unless it is one that nobody can change."""
    return value if isinstance(value, _ATOMS) else copy.deepcopy(value)


def kind_of(step: str) -> str:
    """What a step is one of: the number that a style gave to the second of a name and those that follow left out.

    `fetch-2` and `reader#17` are further calls of `fetch` and `reader`; a scope's own number goes, too.
    """
    return "/".join(_plain(part) for part in step.split("/"))


def _plain(part: str) -> str:
    for mark in ("#", "-"):
        name, found, number = part.rpartition(mark)
        if found and name and number.isdecimal():
            return name
    return part
