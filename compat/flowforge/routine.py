"""See penstock.routines."""

from penstock.routines import Routine

__all__ = ["Routine"]
