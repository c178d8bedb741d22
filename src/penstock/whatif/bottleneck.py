"""What to raise first: the same simulation, with one more of each thing that bounds it. Pure but for the playing."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from penstock.model.limits import Bounds
from penstock.whatif.bands import latency_of
from penstock.whatif.capacity import Capacity
from penstock.whatif.simulation import Played

WORTH = 0.1
"""One more of n is worth something if it gains a tenth of what one more of n would gain where n is all that matters.

Of a rate below one a second, as much again is one more.
"""

Play = Callable[[Capacity], Sequence[Played]]


class Tried(NamedTuple):
    """With `raised` of `name` instead of `now`, the objective is `seconds`; `gain` is the share that saves."""

    name: str
    now: float
    raised: float
    seconds: float
    gain: float


class Bottleneck(NamedTuple):
    """`name` is what to raise first, None if nothing that could be raised would help: then the work itself is what takes long.

    `seconds` is the objective as it is: the makespan of runs that begin together, the mean latency of others.
    """

    name: str | None
    objective: str
    seconds: float
    tried: list[Tried]


class Probe:
    """Raises bounds and plays again. `limit` is the workflow's own, of steps of one run; `together`: all runs begin at once."""

    def __init__(self, play: Play, capacity: Capacity, limit: int | None, *, together: bool) -> None:
        self._play = play
        self._capacity = capacity
        self._limit = limit
        self._together = together

    def bottleneck(self, played: Sequence[Played]) -> Bottleneck:
        """Raise each bound by one and, where none of them helps, by as many as there are."""
        now = self._objective(played)
        keys = {key: bounds for each in played for key, bounds in each.limits.items()}
        places = {name: meter.slots for each in played for name, meter in each.meters.items()}
        bounds = self._capacity.bounds(self._limit, keys, places)
        tried = [
            self._try(name, bound, min(bound + 1, 2 * bound), now, keys) for name, bound in bounds.items()
        ]
        if not any(map(_is_worth_it, tried)):
            twice = ((name, bound) for name, bound in bounds.items() if bound > 1)
            tried += [self._try(name, bound, 2 * bound, now, keys) for name, bound in twice]
        worth = [each for each in tried if _is_worth_it(each)]
        best = max(worth, key=lambda each: each.gain, default=None)
        objective = "makespan" if self._together else "mean latency"
        return Bottleneck(None if best is None else best.name, objective, now, tried)

    def _try(self, name: str, bound: float, raised: float, now: float, keys: Mapping[str, Bounds]) -> Tried:
        seconds = self._objective(self._play(self._capacity.with_bound(name, raised, keys)))
        return Tried(name, bound, raised, seconds, 1 - seconds / now if now else 0.0)

    def _objective(self, played: Sequence[Played]) -> float:
        if self._together:
            return sum(each.seconds for each in played) / len(played)
        return latency_of(played).mean.mean


def _is_worth_it(tried: Tried) -> bool:
    return tried.gain >= WORTH * (1 - tried.now / tried.raised)
