"""One SQLite file as a store: `SqliteStore`."""

from penstock.stores.sqlite.store import SqliteStore

__all__ = ["SqliteStore"]
