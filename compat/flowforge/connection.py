"""See penstock.routines."""

from penstock.routines import Connection

__all__ = ["Connection"]
