"""A transaction of the SQLite store that is lent out: its rows and a step's own writes stand or fall together."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from penstock.errors import CommandRefused
from penstock.model.changes import Change, Conflict, Ok, Put, Row
from penstock.ports import Transactional
from penstock.stores.memory import MemoryStore
from penstock.stores.sqlite import SqliteStore
from penstock.stores.sqlite.lending import own_names


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    store = SqliteStore(tmp_path / "runs.db", "crash")
    store.commit(
        [
            Change(
                "r", 0, [Row(1, 1.0, "run_started", None, None, "{}")], [Put("runs", "r", {"workflow": "w"})]
            )
        ]
    )
    with store.transaction() as transaction, transaction.lend() as connection:
        connection.execute("CREATE TABLE mine (what TEXT)")
    yield store
    store.close()


def mine(store: SqliteStore) -> int:
    file = sqlite3.connect(store.path)
    (number,) = file.execute("SELECT count(*) FROM mine").fetchone()
    file.close()
    return int(number)


def done(sequence: int) -> Change:
    return Change("r", sequence - 1, [Row(sequence, 2.0, "step_done", "s", None, '{"value":1}')])


def test_only_the_sqlite_store_says_that_it_can(store: SqliteStore) -> None:
    assert isinstance(store, Transactional)
    assert not isinstance(MemoryStore(), Transactional)


def test_rows_and_writes_are_there_together_when_the_block_has_ended(store: SqliteStore) -> None:
    with store.transaction() as transaction:
        with transaction.lend() as connection:
            connection.execute("INSERT INTO mine VALUES ('a')")
        assert transaction.write([done(2)]) == [Ok()]
        assert (mine(store), len(store.read("r"))) == (0, 1)
    assert (mine(store), len(store.read("r"))) == (1, 2)


def test_what_is_raised_in_the_block_undoes_both(store: SqliteStore) -> None:
    with pytest.raises(LookupError), store.transaction() as transaction:
        with transaction.lend() as connection:
            connection.execute("INSERT INTO mine VALUES ('a')")
        transaction.write([done(2)])
        raise LookupError
    assert (mine(store), len(store.read("r"))) == (0, 1)


def test_a_change_that_does_not_fit_is_told_and_can_be_undone(store: SqliteStore) -> None:
    with pytest.raises(LookupError), store.transaction() as transaction:
        with transaction.lend() as connection:
            connection.execute("INSERT INTO mine VALUES ('a')")
        (verdict,) = transaction.write([done(5)])
        assert isinstance(verdict, Conflict)
        raise LookupError
    assert mine(store) == 0


def test_a_status_that_changes_in_it_rings(store: SqliteStore) -> None:
    bell = store.watch(["run:r"])
    with store.transaction() as transaction:
        transaction.write([Change("r", 1, done(2).events, [Put("runs", "r", {"status": "completed"})])])
        assert not bell.drain()
    assert bell.drain() == {"run:r"}
    bell.close()


def test_the_thread_that_has_the_connection_is_not_left_waiting_for_itself(store: SqliteStore) -> None:
    with store.transaction() as transaction, transaction.lend():
        with pytest.raises(CommandRefused, match="use the connection it is given"):
            store.commit([done(2)])
        with pytest.raises(CommandRefused, match="use the connection it is given"):
            store.write_logs([("r", "s", None, 1, 1.0, "out", "text")])
    assert store.commit([done(2)]) == [Ok()]


def test_every_table_view_and_index_of_the_store_is_its_own(tmp_path: Path) -> None:
    SqliteStore(tmp_path / "new.db").close()
    file = sqlite3.connect(tmp_path / "new.db")
    names = {
        name for (name,) in file.execute("SELECT name FROM sqlite_schema WHERE name NOT LIKE 'sqlite_%'")
    }
    file.close()
    assert names == own_names()
