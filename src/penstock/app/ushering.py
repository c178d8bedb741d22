"""The thread of an engine that settles limits with the other engines of its store, from when its first step is under one."""

from __future__ import annotations

import os
import select
import threading
import time
from typing import TYPE_CHECKING, Any, Final

from penstock.app.ledgers import RULES, StoreLedgers
from penstock.engine.asking import Asked
from penstock.engine.limits import Limits
from penstock.errors import LeaseLost, StoreError

if TYPE_CHECKING:
    from penstock.app.parts import Parts

LOOK_SECONDS: Final = 1.0
"""A bell may be lost, and an engine may be gone: how often to look while something waits."""
CLOSE_SECONDS: Final = 5.0
SWEEP_SECONDS: Final = 600.0


class Usher:
    """Watches a bell; settles when something was asked, freed, given or said; keeps the lease on the engine's slots."""

    def __init__(self, engine: Parts) -> None:
        store = engine.durable_store()
        self._ledgers = StoreLedgers(store, engine.owner, engine.lease_seconds)
        self.limits = Limits(self._ledgers, self.stir)
        self._mine = f"limits:{engine.owner}:"
        self._lease = engine.lease_seconds
        self._bell = store.watch([f"{self._mine}*", RULES])
        self._heard, self._stirred = os.pipe()
        os.set_blocking(self._stirred, False)
        self._is_stirred = False
        self._closed = False
        self._looked = self._extended = time.monotonic()
        self._swept = float("-inf")
        self._knows_rules = False
        self._thread = threading.Thread(target=self._serve, name="penstock-usher", daemon=True)
        self._thread.start()

    def stir(self) -> None:
        """From any thread: there is something to settle."""
        if not self._is_stirred:
            self._is_stirred = True
            os.write(self._stirred, b".")

    def close(self) -> None:
        """Strike this engine out of all ledgers; its runs are gone already."""
        self._closed = True
        self.stir()
        self._thread.join(CLOSE_SECONDS)
        try:
            self.limits.clear()
            self._ledgers.leave()
        except (StoreError, LeaseLost):  # its lease lapses by itself
            pass
        self._bell.close()
        os.close(self._heard)
        os.close(self._stirred)

    def _serve(self) -> None:
        while not self._closed:
            self._listen()
            try:
                self._settle()
            except LeaseLost as error:
                self.limits.lose(lambda asked, error=error: _lose(asked, error))  # type: ignore[misc]
                self.stir()
            except StoreError:  # busy for now; what is due stays due
                time.sleep(0.01)
                self.stir()

    def _settle(self) -> None:
        if not self._knows_rules:
            self._ledgers.learn()
            self._knows_rules = True
            self.limits.touch(self.limits.keys())
        self.limits.settle()
        now = time.monotonic()
        if now - self._extended >= self._lease / 3:
            self._ledgers.extend()
            self._extended = now
        if now - self._looked >= LOOK_SECONDS:
            self._look_around()
            self._looked = now
        if now - self._swept >= SWEEP_SECONDS:
            self._ledgers.sweep()
            self._swept = now

    def _look_around(self) -> None:
        keys = self.limits.keys()
        if keys:
            self._knows_rules = False
            self.limits.touch(self._ledgers.bury(keys))
            self.limits.settle()

    def _listen(self) -> None:
        """Until something happens, or is due."""
        sources: list[Any] = [self._bell, self._heard]
        ready = select.select(sources, [], [], self._patience())[0]
        if self._heard in ready:
            os.read(self._heard, 4096)
            self._is_stirred = False  # not before: whoever stirs now adds to what is settled next
        if self._bell in ready:
            for topic in self._bell.drain():
                if topic.startswith(self._mine) and not topic.endswith("*"):
                    self.limits.touch([topic.removeprefix(self._mine)])
                else:  # something was said, or so much rang that not all was heard
                    self._knows_rules = False

    def _patience(self) -> float:
        seconds = self._lease / 3
        if self.limits.waits:
            seconds = min(seconds, LOOK_SECONDS)
        due = self.limits.next_at()
        return seconds if due is None else min(seconds, max(0.0, due - self._ledgers.now()))


def _lose(asked: Asked, error: LeaseLost) -> None:
    asked.driver.post(asked.driver.lose, asked.step.run, error)
