"""When runs begin, and with what: all at once, by chance, or as they did. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import log
from typing import Any, NamedTuple

from penstock.errors import SettingsError
from penstock.model.wording import shown
from penstock.whatif.drawing import chance


class Arrival(NamedTuple):
    """A run that begins `at` so many seconds after the simulation; `inputs` None: what runs are given in general.

    `timeout` is its time in seconds from then on. `overlap` is what becomes of it where the one before is not over: "allow",
    "skip" it, or "cancel" the one before.
    """

    at: float
    inputs: Any = None
    priority: int = 0
    timeout: float | None = None
    overlap: str = "allow"


class Poisson(NamedTuple):
    """Runs that come by chance, `rate` a second on average: so many `runs` of them, or those of so many `seconds`."""

    rate: float
    runs: int | None = None
    seconds: float | None = None


Arrivals = int | Poisson | Sequence["float | Arrival"]
"""So many at once; by chance; or at these moments."""


def check_arrivals(arrivals: Arrivals) -> None:
    """Raise SettingsError for arrivals that are none."""
    if isinstance(arrivals, Poisson):
        if not 0 < arrivals.rate < float("inf") or (arrivals.runs is None) == (arrivals.seconds is None):
            raise SettingsError(
                f"{shown(arrivals)}: say a rate above 0 a second, and either runs=... or seconds=..."
            )
    elif isinstance(arrivals, int):
        if isinstance(arrivals, bool) or arrivals < 1:
            raise SettingsError(f"runs={shown(arrivals)} must be a whole number from 1 up")
    elif not arrivals:
        raise SettingsError("there are no arrivals: give some moments, or runs=N")


def arrivals_of(arrivals: Arrivals, seed: int) -> list[Arrival]:
    """The arrivals of one seed, in order of time."""
    if isinstance(arrivals, int):
        return [Arrival(0.0) for _ in range(arrivals)]
    if isinstance(arrivals, Poisson):
        return [Arrival(at) for at in _by_chance(arrivals, seed)]
    return sorted(map(_arrival, arrivals), key=lambda each: each.at)


def _arrival(said: float | Arrival) -> Arrival:
    return said if isinstance(said, Arrival) else Arrival(float(said))


def _by_chance(said: Poisson, seed: int) -> Iterable[float]:
    at, number = 0.0, 0
    while said.runs is None or number < said.runs:
        at -= log(1.0 - chance(seed, "arrival", number)) / said.rate
        if said.seconds is not None and at >= said.seconds:
            return
        yield at
        number += 1
