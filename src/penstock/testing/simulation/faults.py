"""What goes wrong, how often, and where: at every call of a store, and to processes and clocks from outside."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import Any

import msgspec

from penstock.errors import StoreUnavailable
from penstock.model.changes import Change, Letter, Row, Verdict
from penstock.ports import Claim, Store
from penstock.testing.simulation.world import Crashed, Process, World


class Faults(msgspec.Struct):
    """Chances of faults, those of a port a call, the others as seconds between them (0: never)."""

    slow: float = 0.0
    unavailable: float = 0.0
    lost_reply: float = 0.0
    crash_before: float = 0.0
    crash_after: float = 0.0
    crash_every: float = 0.0
    freeze: float = 0.0
    freeze_every: float = 0.0
    jump_every: float = 0.0
    outage_every: float = 0.0
    duplicate: float = 0.0
    deaf: float = 0.0
    writer_seconds: float = 0.01
    crash_at: int | None = None
    """Crash at the n-th edge of a commit and at no other: 1 is before the first commit, 2 after it, and so on."""


def calm() -> Faults:
    """Nothing goes wrong; only the order of things is left to chance."""
    return Faults()


def drawn(chance: Random) -> Faults:
    """Each kind of fault is there or not, rare or frequent; one seed in eight is calm."""
    if chance.random() < 0.125:
        return Faults(slow=0.2, writer_seconds=_pick(chance, (0.0, 0.05)))
    return Faults(
        slow=_pick(chance, (0.0, 0.1, 0.4)),
        unavailable=_pick(chance, (0.0, 0.0, 0.02, 0.1)),
        lost_reply=_pick(chance, (0.0, 0.0, 0.02, 0.1)),
        crash_before=_pick(chance, (0.0, 0.0, 0.01, 0.05)),
        crash_after=_pick(chance, (0.0, 0.0, 0.01, 0.05)),
        crash_every=_pick(chance, (0.0, 0.0, 4.0, 12.0)),
        freeze=_pick(chance, (0.0, 0.0, 0.01, 0.05)),
        freeze_every=_pick(chance, (0.0, 0.0, 4.0, 12.0)),
        jump_every=_pick(chance, (0.0, 0.0, 1.0, 4.0)),
        outage_every=_pick(chance, (0.0, 0.0, 0.0, 10.0)),
        duplicate=_pick(chance, (0.0, 0.1, 0.4)),
        deaf=_pick(chance, (0.0, 0.3)),
        writer_seconds=_pick(chance, (0.0, 0.01, 0.3)),
    )


def outside(faults: Faults) -> Faults:
    """Those faults that reach people too: a store that is slow, does not answer, or whose answer is lost."""
    return Faults(slow=faults.slow, unavailable=faults.unavailable, lost_reply=faults.lost_reply)


def _pick(chance: Random, choices: Sequence[float]) -> float:
    return choices[int(chance.random() * len(choices))]


class Mortal(Process):
    """A process that a fault can end."""

    def crash(self) -> None:
        """Die at once."""
        raise NotImplementedError


class Weather:
    """What all handles on one store share: the faults of the hour, until when it answers nobody, how often it was asked."""

    def __init__(self, faults: Faults) -> None:
        self.faults = faults
        self.outage_until = 0.0
        self.calls = 0


class FaultyStore:
    """A process's handle on the store, where anything may happen at each call. See Store.

    `inner` does the work; the world's audit looks at what was written before anybody hears of it.
    """

    url = "memory:"

    def __init__(self, inner: Store, world: World, engine: Mortal, weather: Weather) -> None:
        self._inner = inner
        self._world = world
        self._engine = engine
        self._weather = weather

    def now(self) -> float:
        return self._inner.now()

    def commit(self, changes: Sequence[Change]) -> list[Verdict]:
        self._before("commit")
        verdicts = self._inner.commit(changes)
        self._world.audit()
        self._after("commit")
        return verdicts

    def read(self, run: str, after: int = 0, limit: int = 10_000) -> list[Row]:
        self._before("read")
        return self._inner.read(run, after, limit)

    def inbox(self, run: str, after: int = 0) -> list[Letter]:
        self._before("inbox")
        return self._inner.inbox(run, after)

    def get(self, table: str, keys: Any) -> dict[str, dict[str, Any]]:
        self._before("get")
        return self._inner.get(table, keys)

    def claim(self, table: str, owner: str, **how: Any) -> list[Claim]:
        self._before("claim")
        claims = self._inner.claim(table, owner, **how)
        self._after("claim")
        return claims

    def extend(self, table: str, held: Any, ttl: float) -> set[str]:
        self._before("extend")
        still = self._inner.extend(table, held, ttl)
        self._after("extend")
        return still

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def _before(self, call: str) -> None:
        world, faults = self._world, self._weather.faults
        world.counts[f"port {call}"] += 1
        if faults.crash_at is not None and call == "commit":
            self._crash_at(0)
        chance = world.chance.random
        if chance() < faults.slow:
            world.counts["fault slow call"] += 1
            world.spend(world.between(0.0, 0.05) if chance() < 0.9 else world.between(0.0, 8.0), self._engine)
        if world.now < self._weather.outage_until or chance() < faults.unavailable:
            world.fault("store unavailable", self._engine.name)
            raise StoreUnavailable("database is locked")
        if chance() < faults.freeze:
            world.fault("process stopped in a call", self._engine.name)
            self._engine.frozen_until = world.now + world.between(0.1, 14.0)
            world.spend(0.0, self._engine)
        if chance() < faults.crash_before:
            self._crash("crash before " + call)

    def _after(self, call: str) -> None:
        world, faults = self._world, self._weather.faults
        if faults.crash_at is not None and call == "commit":
            self._crash_at(1)
        chance = world.chance.random
        if chance() < faults.crash_after:
            if call == "commit" and chance() < 0.5:
                world.spend(world.between(0.0, 2.0), self._engine)
                self._crash("crash during commit")
            self._crash("crash after " + call)
        if chance() < faults.lost_reply:
            world.fault("lost reply", self._engine.name)
            raise StoreUnavailable("the connection was closed before an answer came")

    def _crash_at(self, half: int) -> None:
        self._weather.calls += 1
        if self._weather.calls == self._weather.faults.crash_at:
            self._crash("crash after commit" if half else "crash before commit")

    def _crash(self, name: str) -> None:
        self._world.fault(name, self._engine.name)
        self._engine.crash()
        raise Crashed
