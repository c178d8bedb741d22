"""Name -> definition, source, hash: the one registry, and where a run's code is, so that any process can find it again."""

from __future__ import annotations

from penstock.catalogue.loading import definitions_in, load, load_all, pick, reload
from penstock.catalogue.sources import hash_of, place_of, source_of
from penstock.lazily import offered

TYPE_CHECKING = False
if TYPE_CHECKING:
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

__getattr__ = offered(
    __name__,
    {
        "Catalogue": ".registry",
        "Entry": ".entries",
        "Field": ".fields",
        "Problem": ".walking",
        "catalogue": ".registry",
    },
)
"""What engines do not need, and load only when somebody asks."""
