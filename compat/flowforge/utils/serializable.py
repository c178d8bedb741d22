"""See penstock.routines.serializable."""

from penstock.routines.serializable import Serializable, register_serializable

__all__ = ["Serializable", "register_serializable"]
