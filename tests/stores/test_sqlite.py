"""The SQLite store keeps every promise of the port, at either durability."""

from __future__ import annotations

from pathlib import Path

from penstock.ports import Store
from penstock.stores.sqlite import SqliteStore
from penstock.testing import HandClock, StoreSuite


class HandHost:
    """A host whose clocks a test moves by hand."""

    def __init__(self, clock: HandClock, boot: str = "the only boot") -> None:
        self.boot = boot
        self.wall = self.since_boot = clock


class TestSqliteStore(StoreSuite):
    supports_backup = True

    def make_store(self, clock: HandClock, folder: Path) -> Store:
        return SqliteStore(folder / "store.db", "crash", host=HandHost(clock))

    def second_handle(self, store: Store, clock: HandClock) -> Store:
        assert isinstance(store, SqliteStore)
        return SqliteStore(store.path, "crash", host=HandHost(clock))

    def open_backup(self, path: Path, clock: HandClock) -> Store:
        return SqliteStore(path, host=HandHost(clock))
