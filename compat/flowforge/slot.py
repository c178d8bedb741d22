"""See penstock.routines."""

from penstock.routines import Slot

__all__ = ["Slot"]
