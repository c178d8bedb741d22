"""The program's warning filters in its workers, without importing there what the filters are about.

A filter's category may be a class of a big library (pytest and numpy bring some). It cannot match before that library is
imported, so a worker knows it by name and looks for it among what is imported when a warning is shown.
"""

from __future__ import annotations

import sys
import warnings
from _pickle import dumps, loads

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class LateCategory:
    """A class of warnings by its name; `issubclass(category, it)` asks the class, once its module is there."""

    def __init__(self, module: str, name: str) -> None:
        self.module = module
        self.name = name

    def __subclasscheck__(self, category: type) -> bool:
        found: Any = sys.modules.get(self.module)
        for part in self.name.split("."):
            found = getattr(found, "__dict__", {}).get(part)  # getattr would load the main script
        return isinstance(found, type) and issubclass(category, found)


def pack_filters() -> bytes | None:
    """The filters of this process; None if one cannot be sent."""
    try:
        return dumps(
            [(action, text, _late(category), *place) for action, text, category, *place in warnings.filters],
            5,
        )
    except Exception:  # a user's own object in the list
        return None


def take_filters(packed: bytes | None) -> None:
    """Warn as the program does; with None, as the command line says."""
    if packed is not None:
        warnings.filters[:] = loads(packed)  # type: ignore[index]
        warnings._filters_mutated()  # type: ignore[attr-defined]


def _late(category: Any) -> Any:
    if category.__module__ == "builtins":
        return category
    return LateCategory(category.__module__, category.__qualname__)
