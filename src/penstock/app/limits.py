"""Limits as an engine keeps them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from penstock.engine.limits import Limits, OwnLedgers

if TYPE_CHECKING:
    from penstock.app.hosting import Hosting


def limits_of(engine: Hosting) -> Limits:
    """The slots of an engine."""
    return Limits(OwnLedgers(engine.clock.now))
