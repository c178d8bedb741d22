"""See penstock.routines."""

from penstock.routines import Event

__all__ = ["Event"]
