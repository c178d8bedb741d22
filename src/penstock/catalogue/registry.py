"""The registry: definitions, and classes that make them, by name. One for the process is `catalogue`; others can be made."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any, Final

from penstock.catalogue.entries import Entry
from penstock.catalogue.walking import Found, Problem, at_place, of_entry_points, told
from penstock.errors import DefinitionError, NotInCatalogue
from penstock.model.wording import listed, shown


class Catalogue:
    """Name -> entry, in the order of registration. Any thread may use it."""

    def __init__(self) -> None:
        self._entries: dict[str, Entry] = {}
        self._lock = threading.RLock()

    def register(self, definition: Any, name: str | None = None, *, replace: bool = False) -> Entry:
        """Enter a definition, or a class that makes one, under `name`, else under its own.

        A name stands for one definition: another of that name raises DefinitionError with both places, unless `replace`
        is set, or the new one was written in the same place, as when a module is loaded again.
        """
        if not callable(getattr(definition, "as_program", None)):
            raise DefinitionError(
                f"{shown(definition)} cannot be registered: it has no as_program(), which makes a workflow"
            )
        entry = Entry(name or _own_name(definition), definition)
        with self._lock:
            known = self._entries.get(entry.name)
            if known is not None and known.offered is definition:
                return known
            if known is not None and not replace and known.written_at != entry.written_at:
                raise DefinitionError(
                    f"{entry.name!r} ({entry.place}) is in the catalogue already, from {known.place}:"
                    " register one of them under another name, or with replace=True"
                )
            self._entries[entry.name] = entry
        return entry

    def unregister(self, name: str) -> None:
        """Forget a name. Raises NotInCatalogue."""
        with self._lock:
            self.get(name)
            del self._entries[name]

    def get(self, name: str) -> Entry:
        """The entry of that name. Raises NotInCatalogue, which is a KeyError too, with what there is, the nearest first."""
        entry = self._entries.get(name)
        if entry is None:
            raise NotInCatalogue(not_there(name, self.names()))
        return entry

    __getitem__ = get

    def find(self, name: str) -> Entry | None:
        """The entry of that name, if there is one."""
        return self._entries.get(name)

    def discover(self, *places: str | Path | ModuleType, entry_points: bool = False) -> list[Problem]:
        """Register all that is found at these places, and say what could not be.

        A place is a module or its name, a package (walked with all below it), a file, a folder (walked too), or one
        definition, as `MODULE:NAME`. `entry_points` adds what installed packages offer under "penstock.workflows".
        What cannot be loaded, or has a name that is taken, is a problem of its own: the rest is found nevertheless.
        """
        problems: list[Problem] = []
        for place in places:
            problems += self._enter(at_place(place))
        if entry_points:
            problems += self._enter(of_entry_points())
        return problems

    def discover_entry_point(self, name: str) -> list[Problem]:
        """Register what installed packages offer under that very name, without loading any other."""
        return list(self._enter(of_entry_points(name)))

    def _enter(self, found: Iterable[Found | Problem]) -> Iterator[Problem]:
        for each in found:
            if isinstance(each, Problem):
                yield each
                continue
            try:
                self.register(each.definition, each.name)
            except Exception as error:  # whatever an object of theirs raises when it is asked for its name
                yield Problem(each.place, told(error))

    def names(self) -> list[str]:
        """Every name, in order of registration."""
        with self._lock:
            return list(self._entries)

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._entries.clear()

    def __iter__(self) -> Iterator[Entry]:
        with self._lock:
            return iter(list(self._entries.values()))

    def __len__(self) -> int:
        return len(self._entries)

    def __contains__(self, name: object) -> bool:
        return name in self._entries


catalogue: Final = Catalogue()
"""That of this process, which the command line and sWFME's registry look into."""


def not_there(name: str, known: Iterable[str], what: str = "workflow {} in the catalogue") -> str:
    """What to say of a name that is not registered: all that is, those that look most like it first."""
    import difflib

    known = list(known)
    near = difflib.get_close_matches(name, known, n=3, cutoff=0.6)
    ordered = [*near, *(each for each in known if each not in near)]
    meant = f"did you mean {near[0]!r}? " if near else ""
    there = f"there are {listed(ordered)}" if ordered else "none is registered"
    return f"there is no {what.format(repr(name))}; {meant}{there}"


def _own_name(definition: Any) -> str:
    if isinstance(definition, type):
        return definition.__name__
    said = getattr(definition, "name", None)
    return said if isinstance(said, str) and said else str(definition.as_program().name)
