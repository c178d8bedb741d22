"""The simulated world: one source of chance, one agenda of what happens when, one log of all that did.

Actors (an engine's driver, writer, keeper and executor; users) do one thing at a time. A call of a port takes time: meanwhile
other actors do what they have to, in the middle of that call. So one seed decides every interleaving, on one thread.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from hashlib import sha256
from heapq import heappop, heappush
from itertools import count
from random import Random
from typing import Any

DEPTH = 8
"""How many calls may be in each other's middle."""


class Crashed(BaseException):
    """The process that this ran in is no more."""


class Violation(AssertionError):
    """Something happened that never may."""


class Stopped(BaseException):
    """A violation on its way out, past everybody who would take it for an error of a step or a store."""


class Process:
    """What lives and dies together; `frozen_until` while it is stopped without knowing."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.dead = False
        self.frozen_until = 0.0


class Actor:
    """A thread of a process: one thing at a time, what comes meanwhile waits."""

    __slots__ = ("busy", "deferred", "name", "process")

    def __init__(self, process: Process, name: str) -> None:
        self.process = process
        self.name = f"{process.name}.{name}"
        self.busy = False
        self.deferred: list[tuple[Callable[[], None], str]] = []


class World:
    """Time, chance and the agenda. `audit` is called after everything that happened."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.chance = Random(seed)
        self.now = 1_000.0
        self.lines: list[str] = []
        self.counts: Counter[str] = Counter()
        self.audit: Callable[[], None] = lambda: None
        self.happened = 0
        self._agenda: list[tuple[float, int, Actor, Callable[[], None], str]] = []
        self._tie = count()
        self._depth = 0

    def note(self, who: str, what: str) -> None:
        """Write a line into the simulation's log."""
        self.lines.append(f"{self.now:.4f} {who} {what}")

    def fault(self, name: str, who: str = "world") -> None:
        """Note a fault and count it."""
        self.counts[f"fault {name}"] += 1
        self.note(who, f"FAULT {name}")

    def digest(self) -> str:
        """Stands for all that happened, in order."""
        return sha256("\n".join(self.lines).encode()).hexdigest()[:16]

    def between(self, low: float, high: float) -> float:
        """A number in this interval, by chance."""
        return low + (high - low) * self.chance.random()

    def later(self, seconds: float, actor: Actor, what: Callable[[], None], label: str = "") -> None:
        """Have an actor do something so many seconds from now."""
        heappush(self._agenda, (self.now + seconds, next(self._tie), actor, what, label))

    def next_time(self) -> float | None:
        """When something happens next; None: never."""
        return self._agenda[0][0] if self._agenda else None

    def step(self) -> bool:
        """Let the next thing happen. False if nothing is left to happen."""
        if not self._agenda:
            return False
        when, _, actor, what, label = heappop(self._agenda)
        self.now = max(self.now, when)
        process = actor.process
        if process.dead:
            return True
        if process.frozen_until > self.now:
            self.later(process.frozen_until - self.now, actor, what, label)
        elif actor.busy:
            actor.deferred.append((what, label))
        else:
            self._act(actor, what, label)
        return True

    def _act(self, actor: Actor, what: Callable[[], None], label: str) -> None:
        actor.busy = True
        self.happened += 1
        if label:
            self.note(actor.name, label)
        try:
            what()
        except Crashed:
            if not actor.process.dead:
                raise
        finally:
            actor.busy = False
            deferred, actor.deferred = actor.deferred, []
            for again, its_label in deferred:
                self.later(0.0, actor, again, its_label)
        self.audit()

    def spend(self, seconds: float, process: Process) -> None:
        """Time passes in the middle of what a process does: others act. Raises Crashed if it did not live through it."""
        end = self.now + seconds
        if self._depth < DEPTH:
            self._depth += 1
            try:
                while self._agenda and self._agenda[0][0] <= max(end, process.frozen_until):
                    self.step()
                    if process.dead:
                        break
            finally:
                self._depth -= 1
            self.now = max(self.now, end, process.frozen_until)
        if process.dead:
            raise Crashed


class SkewedClock:
    """A wall clock that may be wrong and may jump. See Clock."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.offset = 0.0

    def now(self) -> float:
        return self._world.now + self.offset

    def monotonic(self) -> float:
        return self._world.now


def plain(value: Any) -> str:
    """A value as one line of the log."""
    text = repr(value)
    return text if len(text) <= 120 else text[:117] + "..."
