"""Names that a package offers without loading the modules that hold them, so that importing it costs next to nothing."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any


def offered(package: str, places: Mapping[str, str], *, keep: bool = True) -> Callable[[str], Any]:
    """The `__getattr__` of a package: name -> its module, ".steps" within the package, "penstock.errors:name" by another name.

    What was found becomes an attribute of the package. Without `keep` it is looked up each time, as it may be replaced where
    it lives.
    """

    def found(name: str) -> Any:
        place = places.get(name)
        if place is None:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        import sys
        from importlib import import_module

        where, _, attribute = place.partition(":")
        value = getattr(import_module(where, package), attribute or name)
        if keep:
            setattr(sys.modules[package], name, value)
        return value

    return found
