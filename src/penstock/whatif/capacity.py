"""What may go on at once in a simulation, and what it would be with one more of something. Pure.

`workers` alone is a number of places: so many steps go on at once, whichever run they are of, as `executor="threads:4"` lets
them; steps that name such an executor have places of their own there, but no more than there are workers. With `slots` they are
worker processes (`penstock worker --slots`): each drives so many runs and has threads of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from penstock.errors import SettingsError
from penstock.model.limits import Bounds
from penstock.model.policies import Need
from penstock.model.wording import shown

POOL: Final = "workers"
"""Where steps run whose executor has no number of places of its own."""
ASYNC: Final = "asyncio"
HERE: Final = ("inline", "transaction")
"""Where steps run on the engine's own thread, which does nothing else meanwhile."""
ASYNC_SLOTS: Final = 1000
"""Places for coroutines on the loop of one engine."""
AT_MOST: Final = "limit "
RATE: Final = "rate "
"""Begin the names of what bounds a key."""
QUEUE_RATE: Final = "queue rate"
MOST_KEYS: Final = 5
"""So many keys are tried to be raised."""


class Capacity(NamedTuple):
    """`workers` None is the engine as it is: plain steps one by one, async ones side by side; `inline`: plain steps so.

    `slots`: runs that each worker drives, None: the workers are places of one engine. `threads`: places for steps in each of
    them. `limit`: steps of one run at once, None: as the workflow says. `concurrency`: runs of the queue at once, None: any
    number; `rate`: how quickly they begin, None: at once. `limits` goes before what the code says of keys, `places` before the
    numbers in executors' names ("threads:4").
    """

    workers: int | None = 4
    slots: int | None = None
    threads: int = 8
    limit: int | None = None
    concurrency: int | None = None
    rate: Bounds | None = None
    limits: Mapping[str, Bounds] = {}
    places: Mapping[str, int] = {}
    inline: bool = False

    @property
    def engines(self) -> int:
        """How many engines drive runs."""
        return 1 if self.slots is None else self.workers or 1

    def place(self, need: Need) -> tuple[str, int]:
        """Where a step runs that needs this, and how many run there at once in each engine."""
        executor, asynchronous, timeout = need
        kind, _, number = (executor or "").partition(":")
        if executor and number.isdecimal() and int(number):
            own = self.places.get(executor, int(number))
            return executor, own if self.workers is None or self.slots is not None else min(own, self.workers)
        if kind in (*HERE, "sequential"):
            return kind, 1
        if not (kind or asynchronous) and (self.workers is None or self.inline):
            return ("inline" if timeout is None else "sequential"), 1
        if self.workers is None and not kind:
            return ASYNC, ASYNC_SLOTS
        if self.slots is not None and asynchronous:
            return ASYNC, ASYNC_SLOTS
        if self.workers is None or self.slots is not None:
            return kind or "threads", self.threads
        return POOL, self.workers

    def bounds(
        self, limit: int | None, keys: Mapping[str, Bounds], places: Mapping[str, int]
    ) -> dict[str, float]:
        """What bounds how much goes on, by name; `limit` is the workflow's own, of steps of one run."""
        said: dict[str, float | None] = {"limit": self.limit or limit, "concurrency": self.concurrency}
        if self.rate is not None:
            said[QUEUE_RATE] = self.rate.rate
        if self.workers is not None:
            said[POOL] = self.workers
        if self.slots is not None:
            said |= {"slots": self.slots, "threads": self.threads}
        said |= {name: slots for name, slots in places.items() if ":" in name}
        for key, bounds in sorted(keys.items())[:MOST_KEYS]:
            said |= {f"{AT_MOST}{key}": bounds.at_most, f"{RATE}{key}": bounds.rate}
        return {name: bound for name, bound in said.items() if bound is not None}

    def with_bound(self, name: str, bound: float, keys: Mapping[str, Bounds]) -> Capacity:
        """The same with another bound."""
        if (key := name.removeprefix(AT_MOST)) != name:
            return self._replace(limits={**self.limits, key: keys[key]._replace(at_most=round(bound))})
        if (key := name.removeprefix(RATE)) != name:
            return self._replace(limits={**self.limits, key: keys[key]._replace(rate=bound)})
        if name == QUEUE_RATE and self.rate is not None:
            return self._replace(rate=self.rate._replace(rate=bound))
        if ":" in name:
            return self._replace(places={**self.places, name: round(bound)})
        raised: dict[str, Any] = {name: round(bound)}
        return self._replace(**raised)


def check_capacity(capacity: Capacity) -> None:
    """Raise SettingsError for numbers that are none."""
    for name, value in capacity._asdict().items():
        if name not in ("rate", "limits", "places", "inline") and value is not None and not _is_count(value):
            raise SettingsError(f"a simulation's {name}={shown(value)} must be a whole number from 1 up")


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1
