"""What stores that are a file promise alike: of its folder and its name, of descriptors, and of children that are forked."""

from __future__ import annotations

import gc
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from penstock.errors import SettingsError, StoreClosed
from penstock.model.changes import Ok
from penstock.stores.json_file import JsonFileStore
from penstock.stores.sqlite import SqliteStore
from penstock.testing.store_suite.harness import append, events, kinds, put, puts, write
from tests.descriptors import open_now

Make = Callable[..., Any]


@pytest.fixture(params=[SqliteStore, JsonFileStore])
def make(request: pytest.FixtureRequest) -> Make:
    made: Make = request.param
    return made


@pytest.fixture
def store(make: Make, tmp_path: Path) -> Iterator[Any]:
    store = make(tmp_path / "store")
    yield store
    store.close()


def test_a_folder_is_no_store(make: Make, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"is a folder|is no file"):
        make(tmp_path)


def test_an_unknown_durability_is_refused(make: Make, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="'power' or 'crash'"):
        make(tmp_path / "store", "rain")


@pytest.mark.parametrize("name", ["a/b/store", "50% #1?mode=memory ü.db"])
def test_folders_on_the_way_are_made_and_odd_characters_are_just_characters(
    make: Make, tmp_path: Path, name: str
) -> None:
    store = make(tmp_path / name)
    write(store, append("r", 0))
    store.close()
    assert (tmp_path / name).stat().st_size > 0


def test_a_store_leaves_no_descriptor_behind(make: Make, tmp_path: Path) -> None:
    make(tmp_path / "store").close()
    before = open_now()
    for sequence in range(5):
        store = make(tmp_path / "store")
        bell = store.watch(["a"])
        write(store, append("r", sequence), puts(put("documents", "d")))
        store.read("r")
        bell.close()
        store.close()
    gc.collect()
    assert open_now() - before == set()


def in_a_child(does: Callable[[], None]) -> int:
    """What a forked child ends with that does this: 0, or 1 if it raised."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            does()
            code = 0
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def test_using_a_store_in_a_forked_child_is_refused_and_the_parent_goes_on(store: Any) -> None:
    write(store, append("r", 0))
    store.read("r")

    def uses_it() -> None:
        calls = (lambda: store.read("r"), lambda: store.commit([append("r", 1)]), lambda: store.ring(["x"]))
        for call in calls:
            with pytest.raises(StoreClosed, match="forked"):
                call()
        store.close()

    assert in_a_child(uses_it) == 0
    write(store, append("r", 1))
    assert store.read("r") == events(1, 2)


def test_a_child_may_open_the_store_anew(make: Make, store: Any) -> None:
    write(store, append("r", 0))

    def opens_it() -> None:
        assert kinds(make(store.path).commit([append("r", 1)])) == [Ok]

    assert in_a_child(opens_it) == 0
    write(store, append("r", 2))
    assert store.read("r") == events(1, 3)
