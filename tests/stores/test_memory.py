"""The memory store keeps every promise of the port."""

from __future__ import annotations

from pathlib import Path

import pytest

from penstock.errors import StoreError
from penstock.ports import Store
from penstock.stores.memory import MemoryStore
from penstock.testing import HandClock, StoreSuite


class TestMemoryStore(StoreSuite):
    def make_store(self, clock: HandClock, folder: Path) -> Store:
        return MemoryStore(clock=clock)

    def second_handle(self, store: Store, clock: HandClock) -> Store:
        assert isinstance(store, MemoryStore)
        return MemoryStore(clock=clock, disk=store.disk)

    def test_two_stores_share_nothing_unless_they_share_a_disk(self, store: Store) -> None:
        store.write_logs([("r", "s", None, 1, 5.0, "stdout", "x")])
        assert MemoryStore().read_logs("r") == []

    def test_a_backup_is_refused_with_the_remedy(self, store: Store, tmp_path: Path) -> None:
        with pytest.raises(StoreError, match="sqlite"):
            store.backup(str(tmp_path / "copy"))
