"""The store in a JSON file keeps every promise of the port, at either durability, whatever it forgets."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from penstock.ports import Store
from penstock.stores.json_file import JsonFileStore
from penstock.stores.json_file.store import Durability
from penstock.testing import HandClock, StoreSuite


class TestJsonFileStore(StoreSuite):
    supports_backup = True
    kind: ClassVar[type[JsonFileStore]] = JsonFileStore
    durability: ClassVar[Durability] = "crash"

    def make_store(self, clock: HandClock, folder: Path) -> Store:
        return self.kind(folder / "store.json", self.durability, clock=clock)

    def second_handle(self, store: Store, clock: HandClock) -> Store:
        assert isinstance(store, JsonFileStore)
        return self.kind(store.path, self.durability, clock=clock)

    def open_backup(self, path: Path, clock: HandClock) -> Store:
        return self.kind(path, clock=clock)


class Forgetful(JsonFileStore):
    """Knows nothing but what it reads in its files, at every call."""

    def _check_open(self) -> None:
        super()._check_open()
        self._pair.forget()


class TestJournalAlone(TestJsonFileStore):
    """What the journal holds makes the same store again."""

    kind = Forgetful
    examples = 30


class TestFileAlone(TestJsonFileStore):
    """What a file holds that is written anew at every change makes the same store again."""

    kind = Forgetful
    durability = "power"
    examples = 30
