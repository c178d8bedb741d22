"""Limits under keys in a simulation: the real rule, with ledgers in memory, and what is said of keys for a simulation."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from penstock.app.ledgers import rule_for
from penstock.engine.ledgers import OwnLedgers
from penstock.errors import DefinitionError, SettingsError
from penstock.model.ledgers import Ledger, bounds_of
from penstock.model.limits import Bounds, rate_of
from penstock.model.wording import shown

Measured = Callable[[str, int, int, int], None]
"""(key, bound, held, waiting): so many hold a slot under a key and wait for one, from now on."""

Limits = Mapping[str, Any]
"""What is said of keys: how many at once, a rate such as "10/s", or Bounds."""


class CountedLedgers(OwnLedgers):
    """See OwnLedgers. `met` are the bounds of all keys that bound anything."""

    def __init__(self, now: Callable[[], float], said: Mapping[str, Bounds], measured: Measured) -> None:
        super().__init__(now, dict(said))
        self.met: dict[str, Bounds] = {}
        self._measured = measured

    def said(self, key: str) -> Bounds | None:
        """See Ledgers."""
        return rule_for(key, self.bounds)

    def swap(self, key: str, ledger: Ledger, version: Any) -> tuple[Ledger, Any] | None:
        """See Ledgers."""
        bounds = bounds_of(ledger, self.said(key))
        if bounds.bind:
            self.met[key] = bounds
        bounds = self.met.get(key, bounds)  # also when nobody is left to say what they are
        parts = ledger.parts.values()
        held = sum(len(part.held) for part in parts)
        waiting = sum(len(part.waiting) + sum(part.behind.values()) for part in parts)
        self._measured(key, bounds.at_most or 0, held, waiting)
        return super().swap(key, ledger, version)


def bounds_said(said: Limits) -> dict[str, Bounds]:
    """What is said of keys, checked. Raises SettingsError."""
    return {key: _bounds(key, each) for key, each in said.items()}


def _bounds(key: str, said: Any) -> Bounds:
    if isinstance(said, Bounds):
        return said
    if isinstance(said, str):
        try:
            return Bounds(rate=rate_of(said))
        except DefinitionError as error:
            raise SettingsError(f"limits[{key!r}]: {error}") from None
    if isinstance(said, int) and not isinstance(said, bool) and said >= 1:
        return Bounds(at_most=said)
    raise SettingsError(
        f"limits[{key!r}]={shown(said)} must be a whole number from 1 up, or a rate such as '10/s'"
    )
