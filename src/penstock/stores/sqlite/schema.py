"""Which database is a store, and how an older one is brought forward."""

from __future__ import annotations

import sqlite3
from typing import Final

from penstock.errors import StoreForeign, StoreTooNew
from penstock.stores.sqlite import queries

APPLICATION: Final = 0x50454E53
"""Says "PENS" in the file's header."""


def is_behind(connection: sqlite3.Connection, path: str) -> bool:
    """Whether the store lacks a migration. Raises for what is no store, or a newer one; changes nothing."""
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    if application != APPLICATION:
        raise StoreForeign(f"{path} is a database of another application; name another file for the store")
    (schema,) = connection.execute("PRAGMA user_version").fetchone()
    if schema > queries.newest():
        raise StoreTooNew(
            f"{path} has schema {schema}, this Penstock knows {queries.newest()}: "
            f"install the newer Penstock that wrote it, or open a backup from before"
        )
    return bool(schema < queries.newest())


def migrate(connection: sqlite3.Connection) -> None:
    """Apply the migrations that are missing, each in a transaction of its own. Nobody else may be doing the same."""
    (schema,) = connection.execute("PRAGMA user_version").fetchone()
    for number, script in queries.migrations(schema):
        connection.executescript(f"BEGIN IMMEDIATE; {script} PRAGMA user_version = {number}; COMMIT;")
