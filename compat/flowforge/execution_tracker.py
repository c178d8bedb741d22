"""See penstock.routines."""

from penstock.routines import ExecutionTracker

__all__ = ["ExecutionTracker"]
