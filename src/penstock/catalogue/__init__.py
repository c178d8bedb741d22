"""Name -> definition, source, hash: the one registry, and where a run's code is, so that any process can find it again."""

from __future__ import annotations

from penstock.catalogue.loading import definitions_in, load, load_all, pick, reload
from penstock.catalogue.sources import hash_of, place_of, source_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from penstock.catalogue.entries import Entry
    from penstock.catalogue.fields import Field
    from penstock.catalogue.registry import Catalogue, catalogue
    from penstock.catalogue.walking import Problem

__all__ = [
    "Catalogue",
    "Entry",
    "Field",
    "Problem",
    "catalogue",
    "definitions_in",
    "hash_of",
    "load",
    "load_all",
    "pick",
    "place_of",
    "reload",
    "source_of",
]

_LATER = {
    "Catalogue": "registry",
    "Entry": "entries",
    "Field": "fields",
    "Problem": "walking",
    "catalogue": "registry",
}
"""What engines do not need, and load only when somebody asks."""


def __getattr__(name: str) -> Any:
    module = _LATER.get(name)
    if module is None:
        raise AttributeError(f"module 'penstock.catalogue' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"penstock.catalogue.{module}"), name)
