"""A store's file as a whole: looked at without changing it, copied, put in the place of another.

The same calls as those of `stores.sqlite.files`. Nobody need be refused who has the file open: a process finds out that it is
another one now.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from penstock.errors import StoreCorrupt, StoreForeign
from penstock.stores.json_file import document
from penstock.stores.json_file.pair import Pair, journal_of, put_in_place
from penstock.stores.json_file.replica import Replica
from penstock.stores.json_file.store import UNREADABLE, JsonFileStore
from penstock.stores.memory import MemoryStore
from penstock.stores.sqlite.files import PATIENCE_SECONDS, Schemas


def schemas(path: str) -> Schemas:
    """Which schema a file has. Raises StoreForeign or StoreCorrupt."""
    return Schemas(_document(Path(path)).get("schema", document.SCHEMA), document.SCHEMA)


def problems(path: str) -> list[str]:
    """See Store.check."""
    store = JsonFileStore(path, patience=PATIENCE_SECONDS)
    try:
        return store.check()
    finally:
        store.close()


def standing_leases(path: str) -> list[tuple[str, str]]:
    """(run, owner) of the leases on runs that have not lapsed."""
    store = JsonFileStore(path, patience=PATIENCE_SECONDS)
    try:
        leased = store.find("runs", {"state": "leased"}, limit=store.health()["counts"]["runs"])
        return [(row["id"], row["owner"]) for row in leased if row["due"] > store.now()]
    finally:
        store.close()


def copy(path: str, target: str) -> None:
    """See Store.backup."""
    store = JsonFileStore(path, patience=PATIENCE_SECONDS)
    try:
        store.backup(target)
    finally:
        store.close()


def replace(path: str, source: str, aside: str) -> bool:
    """Put a copy of `source` in the place of `path`, whose file becomes `aside`; whether there was one.

    Raises StoreCorrupt if the copy is not sound; nothing is changed then.
    """
    data = Path(source).read_bytes()
    _refuse_unsound(Path(source))
    pair = Pair(Path(path), syncs=True, patience=PATIENCE_SECONDS, network=False)
    try:
        with pair.alone():
            there = pair.path.exists()
            if pair.journal.exists():  # it belongs to the file that goes
                os.rename(pair.journal, journal_of(Path(aside)))
            if there:
                os.rename(pair.path, aside)
            put_in_place(pair.path, data)
    finally:
        pair.close()
    return there


def _refuse_unsound(source: Path) -> None:
    disk = Replica()
    try:
        document.read(_document(source), disk)
    except UNREADABLE as error:
        raise _corrupt(source, error) from error
    if found := MemoryStore(disk=disk).check():
        raise StoreCorrupt(f"{source} is not sound: {found[0]} Restore another backup")


def _document(path: Path) -> dict[str, Any]:
    data = path.read_bytes()
    try:
        found = json.loads(data) if data[:1] == b"{" else None
    except ValueError as error:
        raise _corrupt(path, error) from error
    if not isinstance(found, dict) or not isinstance(found.get("tasks"), dict):
        raise StoreForeign(f"{path} is no store in a JSON file; name another file")
    return found


def _corrupt(path: Path, error: Exception) -> StoreCorrupt:
    return StoreCorrupt(
        f"{path} is damaged ({type(error).__name__}: {error}); restore a backup: penstock db restore BACKUP"
    )
