"""Looking after a store's file without an engine: its schema, copies, and putting one back."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from penstock.app.addresses import address_of, make_folder
from penstock.app.owners import is_gone
from penstock.errors import CommandRefused, RunNotFound, SettingsError, StoreCorrupt, StoreForeign

if TYPE_CHECKING:
    from penstock.stores.sqlite.files import Schemas


def file_at(store: str | os.PathLike[str] | None, *, missing_ok: bool = False) -> Path:
    """The file of a store. Raises SettingsError for one that has none, RunNotFound where it is not there."""
    address = address_of(store)
    if not address.startswith("sqlite:///"):
        raise SettingsError(
            f"store {address!r} keeps nothing in a file; name one with --store sqlite:///PATH"
        )
    path = Path(address.removeprefix("sqlite:///"))
    if not missing_ok and not path.exists():
        raise RunNotFound(
            f"there is no store yet at {path}: `penstock run FILE` makes one, --store names another"
        )
    return path


def schemas_of(path: Path) -> Schemas:
    """The schema of a store's file, and the newest one. Raises StoreForeign, StoreTooNew or another StoreError."""
    from penstock.stores.sqlite import files

    return files.schemas(str(path))


def problems_of(path: Path) -> list[str]:
    """What is wrong with a store, a sentence each; the store is not brought forward for it."""
    from penstock.stores.sqlite import files

    return files.problems(str(path))


def standing_leases(path: Path) -> list[tuple[str, str]]:
    """(run, owner) of the leases on runs that have not lapsed."""
    from penstock.stores.sqlite import files

    return files.standing_leases(str(path))


def back_up(path: Path, target: Path) -> None:
    """A copy as of one moment, while others write; the store is not brought forward for it."""
    from penstock.stores.sqlite import files

    files.copy(str(path), str(target))


def restore(path: Path, source: Path, aside: Path) -> bool:
    """Put a copy of `source` where the store is, whose file becomes `aside`; whether there was one.

    Raises CommandRefused while a run of it is driven, StoreUnavailable while another process has it open all the same,
    StoreCorrupt if `source` is not sound.
    """
    from penstock.stores.sqlite import files

    if path.exists() and path.samefile(source):
        raise SettingsError(f"{source} is the store itself; name a backup of it")
    _refuse_driven(path)
    make_folder(path)
    return files.replace(str(path), str(source), str(aside))


def _refuse_driven(path: Path) -> None:
    try:
        leases = standing_leases(path) if path.exists() else []
    except (StoreCorrupt, StoreForeign):  # what cannot be read is what a backup is for
        return
    for run, owner in leases:
        if not is_gone(owner):
            raise CommandRefused(
                f"run {run} is being driven by process {owner}: wait for its end, or `penstock pause {run} --wait` and end it"
            )
