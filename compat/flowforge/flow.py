"""See penstock.routines."""

from penstock.routines import Flow

__all__ = ["Flow"]
