"""See penstock.routines."""

from penstock.routines import ErrorHandler, ErrorStrategy

__all__ = ["ErrorHandler", "ErrorStrategy"]
