"""Fills the process's catalogue with what a project and its installed packages offer, and looks names up in it."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from penstock.app.settings import found
from penstock.catalogue import Catalogue, Entry, Problem, catalogue


def fill(known: Catalogue = catalogue) -> list[Problem]:
    """Register what the setting `workflows` and entry points name, and say what could not be. Code is imported, not run."""
    problems = known.discover(*places())
    return problems + known.discover(entry_points=True)


def look_up(name: str, known: Catalogue = catalogue) -> tuple[Entry | None, list[Problem]]:
    """The entry of a name, and what could not be loaded if it was not found at once.

    What is registered comes first, then the entry point of that name, then all that there is.
    """
    entry = known.find(name)
    if entry is not None:
        return entry, []
    problems = known.discover_entry_point(name)
    entry = known.find(name)
    if entry is not None or problems:
        return entry, problems
    problems = fill(known)
    return known.find(name), problems


def places() -> list[str]:
    """What the setting names; paths start from the folder of the file that says so, and modules are found there."""
    said = found("workflows")
    if said.value is None:
        return []
    folder = said.folder or Path.cwd()
    for each in (folder / "src", folder):
        if each.is_dir() and str(each) not in sys.path:
            sys.path.insert(0, str(each))
    return [_place(each, folder) for each in said.value]


def _place(said: str, folder: Path) -> str:
    name, colon, chosen = said.partition(":")
    path = folder / name
    is_path = path.exists() or name.endswith(".py") or "/" in name or os.sep in name
    return f"{path}{colon}{chosen}" if is_path else said
