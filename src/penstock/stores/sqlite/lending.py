"""A transaction in which a step writes too: its connection is the writer's own, lent for as long as its code runs.

What would end the transaction, or harm the store, is refused by SQLite's authorizer while it is lent.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from typing import Any, Final

from penstock.errors import UserError
from penstock.model.changes import Change, Verdict
from penstock.stores.sqlite import queries, tables
from penstock.stores.sqlite.clock import StoreClock
from penstock.stores.sqlite.commits import Transaction
from penstock.stores.sqlite.writer import Writer

_CREATED: Final = re.compile(r"^\s*CREATE (?:UNIQUE )?(?:TABLE|VIEW|INDEX|TRIGGER) (\w+)", re.MULTILINE)
_LOOKS: Final = frozenset(
    "foreign_key_list index_info index_list index_xinfo table_info table_list table_xinfo user_version".split()
)
"""Pragmas that only look; others change how the store's connection works, or what is in its header."""
_ENDS: Final = frozenset({sqlite3.SQLITE_TRANSACTION})
_FILES: Final = frozenset({sqlite3.SQLITE_ATTACH, sqlite3.SQLITE_DETACH})
_WRITES: Final = frozenset({sqlite3.SQLITE_INSERT, sqlite3.SQLITE_UPDATE, sqlite3.SQLITE_DELETE})
_SECOND_NAMES: Final = frozenset(
    {sqlite3.SQLITE_ALTER_TABLE, sqlite3.SQLITE_CREATE_TRIGGER, sqlite3.SQLITE_CREATE_INDEX}
)
_DROPS: Final = frozenset(
    {
        sqlite3.SQLITE_DROP_TABLE,
        sqlite3.SQLITE_DROP_INDEX,
        sqlite3.SQLITE_DROP_VIEW,
        sqlite3.SQLITE_DROP_TRIGGER,
    }
)


@cache
def own_names() -> frozenset[str]:
    """The tables, views and indexes that are the store's own."""
    return frozenset(name for _, script in queries.migrations() for name in _CREATED.findall(script))


class OpenTransaction:
    """See Transaction of the ports."""

    def __init__(self, connection: sqlite3.Connection, writer: Writer, clock: StoreClock) -> None:
        self._connection = connection
        self._writer = writer
        self._clock = clock
        self._refused = ""
        self.topics: set[str] = set()

    def write(self, changes: Sequence[Change]) -> list[Verdict]:
        for change in changes:
            tables.check_change(change)
        transaction = Transaction(self._connection, self._clock)
        verdicts = [transaction.apply(change) for change in changes]
        transaction.flush()
        self.topics |= transaction.topics
        return verdicts

    @contextmanager
    def lend(self) -> Iterator[sqlite3.Connection]:
        connection = self._connection
        rows, texts = connection.row_factory, connection.text_factory
        connection.set_authorizer(self._allow)
        try:
            with self._writer.lent():
                yield connection
        except sqlite3.DatabaseError as error:
            if self._refused:
                raise UserError(f"{self._refused} ({error})") from error
            raise
        finally:
            self._take_back(rows, texts)

    def _take_back(self, rows: Any, texts: Any) -> None:
        connection = self._connection
        try:
            connection.set_authorizer(None)
        except sqlite3.ProgrammingError:
            self._writer.forget()
            raise UserError(
                "a step closed the connection of its transaction; leave that to Penstock"
            ) from None
        connection.row_factory, connection.text_factory = rows, texts
        if connection.isolation_level is not None:
            connection.execute("ROLLBACK")
            connection.isolation_level = None  # which commits
        if not connection.in_transaction:
            raise UserError(
                "a step's SQL ended its transaction (ON CONFLICT ROLLBACK, say, or another isolation_level): nothing of it was"
                " written; let the step raise instead"
            )

    def _allow(
        self, action: int, first: str | None, second: str | None, _: str | None, __: str | None
    ) -> int:
        refused = _reason(action, first or "", second or "")
        if refused:
            self._refused = refused
            return sqlite3.SQLITE_DENY
        return sqlite3.SQLITE_OK


def _reason(action: int, first: str, second: str) -> str:
    """Why a step may not do this; nothing if it may."""
    if action in _ENDS:
        return (
            "a step with transaction=True is committed by Penstock, together with the record that it is done: leave out"
            " commit(), rollback(), BEGIN, `with connection:` and executescript(), which commits first; say execute(), or use"
            " a SAVEPOINT"
        )
    if action in _FILES:
        return "a step in a transaction cannot attach or detach databases: only the store's own file is part of it"
    if action == sqlite3.SQLITE_PRAGMA and first.lower() not in _LOOKS:
        return f"a step in a transaction cannot say PRAGMA {first}: the connection is the store's own"
    if action == sqlite3.SQLITE_PRAGMA and first.lower() == "user_version" and second:
        return "user_version is the number of the store's own schema: keep yours in a table"
    named = {first} if action in _WRITES | _DROPS else {second} if action in _SECOND_NAMES else set()
    if named & own_names():
        return f"{', '.join(named)} is Penstock's own: a step may read it, and write to tables of yours"
    return ""
