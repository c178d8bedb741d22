"""Where the ledgers of limits are kept: what an engine asks of that place, and the place of an engine that is alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from penstock.model.changes import Guard
from penstock.model.ledgers import Ledger, bounds_of, is_idle, refill
from penstock.model.limits import Bounds

CROWDED = 1_000
"""With so many keys an engine alone looks whether some can be forgotten."""


class Ledgers(Protocol):
    """Where ledgers are kept. Calls may raise StoreError."""

    owner: str

    def now(self) -> float: ...
    def said(self, key: str) -> Bounds | None:
        """What the store says of a key."""

    def read(self, key: str) -> tuple[Ledger, Any]:
        """A key's ledger and its version."""

    def swap(self, key: str, ledger: Ledger, version: Any) -> tuple[Ledger, Any] | None:
        """Write a ledger in the place of that version. None: written; else what is there by now."""

    def grip(self) -> tuple[int, Guard | None]:
        """The number of this engine's lease on its parts, and what stands as long as it holds them."""

    def call(self, owner: str, key: str) -> None:
        """Tell another engine that it was given something."""


class OwnLedgers:
    """Ledgers of one engine alone. See Ledgers."""

    owner = "here"

    def __init__(self, now: Callable[[], float], said: dict[str, Bounds] | None = None) -> None:
        self.now = now
        self.bounds = said or {}
        self._ledgers: dict[str, Ledger] = {}
        self._crowded = CROWDED

    def said(self, key: str) -> Bounds | None:
        return self.bounds.get(key)

    def read(self, key: str) -> tuple[Ledger, Any]:
        return self._ledgers.get(key) or Ledger(), None

    def swap(self, key: str, ledger: Ledger, version: Any) -> tuple[Ledger, Any] | None:
        if is_idle(ledger):
            self._ledgers.pop(key, None)
        else:
            self._ledgers[key] = ledger
            if len(self._ledgers) > self._crowded:
                self._sweep()
        return None

    def keys(self) -> list[str]:
        """Of which something is known."""
        return list(self._ledgers)

    def _sweep(self) -> None:
        """Forget keys of which nothing is worth keeping."""
        for key, ledger in list(self._ledgers.items()):
            if not ledger.parts:
                refill(ledger, bounds_of(ledger, self.said(key)), self.now())
                if is_idle(ledger):
                    del self._ledgers[key]
        self._crowded = max(CROWDED, 2 * len(self._ledgers))

    def grip(self) -> tuple[int, Guard | None]:
        return 0, None

    def call(self, owner: str, key: str) -> None: ...
