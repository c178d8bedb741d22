"""What keeps the slots of an engine that shares a store, whoever calls it and when: it settles, looks about, keeps a lease."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Protocol

from penstock.engine.asking import Asked
from penstock.engine.ledgers import Ledgers
from penstock.engine.limits import Limits
from penstock.errors import LeaseLost

LOOK_SECONDS = 1.0
"""A bell may be lost, and an engine may be gone: how often to look while something waits."""
SWEEP_SECONDS = 600.0


class SharedLedgers(Ledgers, Protocol):
    """Ledgers that other engines write, too. Calls may raise StoreError; `swap` and `extend` LeaseLost."""

    def learn(self) -> None:
        """Look what the store says of keys."""

    def extend(self) -> None:
        """Prolong this engine's lease on its parts."""

    def leave(self) -> None:
        """Give the lease back: no ledger has a part of this engine's. It is taken again when it is needed."""

    def bury(self, keys: Iterable[str]) -> list[str]:
        """Strike engines that are gone out of the ledgers of these keys; in which there were any."""

    def sweep(self) -> None:
        """Forget the keys of which nothing is worth keeping."""


class SlotRounds:
    """See the module. `walk` is called when `stir` was, when a bell rang, and after `patience` seconds."""

    def __init__(
        self,
        ledgers: SharedLedgers,
        lease_seconds: float,
        stir: Callable[[], None],
        monotonic: Callable[[], float],
    ) -> None:
        self.limits = Limits(ledgers, stir)
        self._ledgers = ledgers
        self._lease = lease_seconds
        self._monotonic = monotonic
        self._looked = self._extended = monotonic()
        self._swept = float("-inf")
        self._knows_rules = False

    def rung(self, keys: Iterable[str]) -> None:
        """Something was given to this engine under these keys."""
        self.limits.touch(keys)

    def said(self) -> None:
        """Something was said of keys, or was rung for that nobody heard."""
        self._knows_rules = False

    def walk(self) -> None:
        """Do what is to be done. Raises StoreError: what is due stays due."""
        try:
            self._walk()
        except LeaseLost as error:
            why = str(error)
            self.limits.lose(lambda asked: _lose(asked, why))
            self._walk()

    def _walk(self) -> None:
        if not self._knows_rules:
            self._ledgers.learn()
            self._knows_rules = True
            self.limits.touch(self.limits.keys())
        self.limits.settle()
        now = self._monotonic()
        if now - self._extended >= self._lease / 3:
            if self.limits.waits:
                self._ledgers.extend()
            else:
                self._ledgers.leave()
            self._extended = now
        if now - self._looked >= LOOK_SECONDS:
            self._looked = now
            self._look_around()
        if now - self._swept >= SWEEP_SECONDS:
            self._swept = now
            self._ledgers.sweep()

    def _look_around(self) -> None:
        keys = self.limits.keys()
        if keys:
            self._ledgers.learn()
            self.limits.touch(keys)
            self._ledgers.bury(keys)
            self.limits.settle()

    def patience(self) -> float:
        """Seconds until there is something to do, though nothing happens."""
        seconds = self._lease / 3
        if self.limits.waits:
            seconds = min(seconds, LOOK_SECONDS)
        due = self.limits.next_at()
        return seconds if due is None else min(seconds, max(0.0, due - self._ledgers.now()))


def _lose(asked: Asked, why: str) -> None:
    asked.driver.post(asked.driver.lose, asked.step.run, LeaseLost(why))
