"""The engine's own thread: it keeps leases alive, brings letters and what steps write, whatever the drivers are busy with."""

from __future__ import annotations

import select
import threading
import time
from typing import Protocol

from penstock.engine.rounds import Household, Rounds
from penstock.errors import StoreError
from penstock.ports import Store

LOOK_SECONDS = 1.0
"""A bell may be lost: how often the inboxes are looked at all the same."""


class Kept(Household, Protocol):
    """What a keeper asks of its engine."""

    owner: str

    def durable_store(self) -> Store: ...

    def settle_debts(self) -> None:
        """Give back leases that could not be given back before."""

    def bring_lines(self) -> None:
        """Keep what steps have written so far."""


class Keeper:
    """Watches one engine's bell; extends its leases at a third of their time."""

    def __init__(self, engine: Kept, lease_seconds: float) -> None:
        self._engine = engine
        self._lease = lease_seconds
        self._bell = engine.durable_store().watch([f"owner:{engine.owner}"])
        self._closed = False
        self._rounds = Rounds(engine, engine.durable_store(), lease_seconds, time.monotonic)
        self._thread = threading.Thread(target=self._serve, name="penstock-keeper", daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._closed = True
        self._engine.durable_store().ring([f"owner:{self._engine.owner}"])
        self._thread.join(timeout=5.0)
        self._bell.close()

    def _serve(self) -> None:
        while not self._closed:
            rang = bool(select.select([self._bell], [], [], min(LOOK_SECONDS, self._lease / 3))[0])
            if rang:
                self._bell.drain()
            if self._closed:
                return
            try:
                self._rounds.walk()
            except StoreError:  # busy for now; what is due stays due
                continue
            self._engine.settle_debts()
            self._engine.bring_lines()
