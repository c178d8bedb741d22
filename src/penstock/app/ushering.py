"""The thread of an engine that settles limits with the other engines of its store, from when its first step is under one."""

from __future__ import annotations

import os
import select
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from penstock.app.ledgers import RULES, StoreLedgers
from penstock.engine.slots import SlotRounds
from penstock.errors import LeaseLost, StoreError

if TYPE_CHECKING:
    from penstock.app.parts import Parts

CLOSE_SECONDS: Final = 5.0
BUSY_SECONDS: Final = 0.01


class Usher:
    """Makes the rounds of an engine's slots when something was asked, freed, given or said."""

    def __init__(self, engine: Parts) -> None:
        store = engine.durable_store()
        self._ledgers = StoreLedgers(store, engine.owner, engine.lease_seconds)
        self._rounds = SlotRounds(self._ledgers, engine.lease_seconds, self._stir, time.monotonic)
        self.limits = self._rounds.limits
        self._mine = f"limits:{engine.owner}:"
        self._bell = store.watch([f"{self._mine}*", RULES])
        self._heard, self._stirred = os.pipe()
        os.set_blocking(self._stirred, False)
        self._is_stirred = False
        self._closed = False
        self._thread = threading.Thread(target=self._serve, name="penstock-usher", daemon=True)
        self._thread.start()

    def _stir(self) -> None:
        """From any thread: there is something to settle."""
        if not self._is_stirred:
            self._is_stirred = True
            os.write(self._stirred, b".")

    def close(self) -> None:
        """Strike this engine out of all ledgers; its runs are gone already."""
        self._closed = True
        self._stir()
        self._thread.join(CLOSE_SECONDS)
        with suppress(StoreError, LeaseLost):  # its lease lapses by itself
            self.limits.clear()
            self._ledgers.leave()
        self._bell.close()
        os.close(self._heard)
        os.close(self._stirred)

    def _serve(self) -> None:
        while not self._closed:
            self._listen()
            try:
                self._rounds.walk()
            except (StoreError, LeaseLost):  # busy for now; what is due stays due
                time.sleep(BUSY_SECONDS)
                self._stir()

    def _listen(self) -> None:
        """Until something happens, or is due."""
        sources: list[Any] = [self._bell, self._heard]
        ready = select.select(sources, [], [], self._rounds.patience())[0]
        if self._heard in ready:
            os.read(self._heard, 4096)
            self._is_stirred = False  # not before: whoever stirs now adds to what is settled next
        if self._bell in ready:
            for topic in self._bell.drain():
                if topic.startswith(self._mine) and not topic.endswith("*"):
                    self._rounds.rung([topic.removeprefix(self._mine)])
                else:
                    self._rounds.said()
