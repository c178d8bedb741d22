"""Looking after a store's file without an engine: its schema, copies, and putting one back."""

from __future__ import annotations

import os
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, NamedTuple

from penstock.app.addresses import address_of, make_folder, path_of
from penstock.app.owners import is_gone
from penstock.errors import CommandRefused, RunNotFound, SettingsError, StoreCorrupt, StoreForeign

if TYPE_CHECKING:
    from penstock.stores.sqlite.files import Schemas


class StoreFile(NamedTuple):
    """Where a store is, and whether it is one in a JSON file."""

    path: Path
    is_json: bool


def file_at(store: str | os.PathLike[str] | None, *, missing_ok: bool = False) -> StoreFile:
    """The file of a store. Raises SettingsError for one that has none, RunNotFound where it is not there."""
    address = address_of(store)
    path = path_of(address)
    if path is None:
        raise SettingsError(
            f"store {address!r} keeps nothing in a file; name one with --store sqlite:///PATH"
        )
    if not missing_ok and not path.exists():
        raise RunNotFound(
            f"there is no store yet at {path}: `penstock run FILE` makes one, --store names another"
        )
    return StoreFile(path, address.startswith("json:"))


def schemas_of(file: StoreFile) -> Schemas:
    """The schema of a store's file, and the newest one. Raises StoreForeign, StoreTooNew or another StoreError."""
    found: Schemas = _files(file).schemas(str(file.path))
    return found


def problems_of(file: StoreFile) -> list[str]:
    """What is wrong with a store, a sentence each; the store is not brought forward for it."""
    found: list[str] = _files(file).problems(str(file.path))
    return found


def standing_leases(file: StoreFile) -> list[tuple[str, str]]:
    """(run, owner) of the leases on runs that have not lapsed."""
    found: list[tuple[str, str]] = _files(file).standing_leases(str(file.path))
    return found


def back_up(file: StoreFile, target: Path) -> None:
    """A copy as of one moment, while others write; the store is not brought forward for it."""
    _files(file).copy(str(file.path), str(target))


def restore(file: StoreFile, source: Path, aside: Path) -> bool:
    """Put a copy of `source` where the store is, whose file becomes `aside`; whether there was one.

    Raises CommandRefused while a run of it is driven, StoreUnavailable while another process has it open all the same,
    StoreCorrupt if `source` is not sound.
    """
    path = file.path
    if path.exists() and path.samefile(source):
        raise SettingsError(f"{source} is the store itself; name a backup of it")
    _refuse_driven(file)
    make_folder(path)
    replaced: bool = _files(file).replace(str(path), str(source), str(aside))
    return replaced


def _files(file: StoreFile) -> ModuleType:
    """What looks after a file of its kind."""
    if file.is_json:
        from penstock.stores.json_file import files as json_files

        return json_files
    from penstock.stores.sqlite import files

    return files


def _refuse_driven(file: StoreFile) -> None:
    try:
        leases = standing_leases(file) if file.path.exists() else []
    except (StoreCorrupt, StoreForeign):  # what cannot be read is what a backup is for
        return
    for run, owner in leases:
        if not is_gone(owner):
            raise CommandRefused(
                f"run {run} is being driven by process {owner}: wait for its end, or `penstock pause {run} --wait` and end it"
            )
