"""Rounds: the bare baseline and the work in turn, because machines have quiet and busy minutes.

A ratio is taken within each round. The figure is the median of those ratios; the quietest round is the one that took the least
time in all.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from statistics import median

Timed = Callable[[], float]
"""Does its work once and returns the seconds that one unit of it took; what it prepares and checks is not timed."""

LEAST_ROUNDS = 2


@dataclass(frozen=True)
class Scale:
    """How much is measured: `size` of the work, at most `rounds` rounds, none begun after `seconds` of them."""

    name: str
    size: float
    rounds: int
    seconds: float

    def of(self, number: int, least: int = 3) -> int:
        """So many, at this scale."""
        return max(least, int(number * self.size))


FULL = Scale("full", 1.0, 15, 10.0)
QUICK = Scale("quick", 0.2, 5, 3.0)
TINY = Scale("tiny", 0.002, 1, 0.2)
SCALES = {scale.name: scale for scale in (FULL, QUICK, TINY)}


@dataclass
class Rounds:
    """Seconds of the baseline and of the work, round by round."""

    bare: list[float] = field(default_factory=list)
    work: list[float] = field(default_factory=list)

    @property
    def number(self) -> int:
        return len(self.work)

    @property
    def ratio(self) -> float:
        return median(work / bare for work, bare in zip(self.work, self.bare, strict=True))

    @property
    def quietest(self) -> float:
        pairs = zip(self.work, self.bare, strict=True)
        work, bare = min(pairs, key=sum)
        return work / bare

    @property
    def bare_microseconds(self) -> float:
        return median(self.bare) * 1e6

    @property
    def work_microseconds(self) -> float:
        return median(self.work) * 1e6

    def note(self, unit: str) -> str:
        return f"{self.work_microseconds:.3g} us; {unit} was {self.bare_microseconds:.3g} us"


def in_turn(scale: Scale, bare: Timed, work: Timed) -> Rounds:
    """Rounds of both; the first of each is not counted: it imports, opens and compiles."""
    return all_in_turn(scale, bare, {"": work})[""]


def all_in_turn(scale: Scale, bare: Timed, works: dict[str, Timed]) -> dict[str, Rounds]:
    """The same for several kinds of work beside one baseline."""
    for each in (bare, *works.values()):
        each()
    found = {name: Rounds() for name in works}
    given_up = time.perf_counter() + scale.seconds
    for number in range(scale.rounds):
        if number >= LEAST_ROUNDS and time.perf_counter() > given_up:
            break
        for name, work in works.items():
            gc.collect()
            found[name].bare.append(bare())
            gc.collect()
            found[name].work.append(work())
    return found
