"""Connections that only read: one for each thread that reads at this moment, kept for the next."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from typing import Any

from penstock.errors import StoreClosed
from penstock.stores.sqlite import faults
from penstock.stores.sqlite.writer import connect

Parameters = Sequence[Any] | Mapping[str, Any]


class Readers:
    """Short statements, each on a snapshot of its own: a reader left open would keep the write-ahead log from starting over."""

    def __init__(self, path: str, patience: float) -> None:
        self._path = path
        self._patience = patience
        self._idle: list[sqlite3.Connection] = []
        self._closed = ""

    def all(self, sql: str, parameters: Parameters = ()) -> list[tuple[Any, ...]]:
        """Every row of one statement."""
        connection = self.borrow()
        try:
            return connection.execute(sql, parameters).fetchall()
        except sqlite3.Error as error:
            raise faults.of_sqlite(error, self._path) from error
        finally:
            self.give_back(connection)

    def borrow(self) -> sqlite3.Connection:
        """A connection for this thread alone until it is given back."""
        if self._closed:
            raise StoreClosed(f"the store {self._path} {self._closed}")
        try:
            return self._idle.pop()
        except IndexError:
            return self._open()

    def give_back(self, connection: sqlite3.Connection) -> None:
        if self._closed:
            connection.close()
        else:
            self._idle.append(connection)

    def _open(self) -> sqlite3.Connection:
        connection = connect(self._path, timeout=self._patience)
        try:
            connection.execute("PRAGMA query_only = ON")
            connection.execute("PRAGMA temp_store = MEMORY")
        except sqlite3.Error as error:
            connection.close()
            raise faults.of_sqlite(error, self._path) from error
        return connection

    def close(self, why: str = "was closed") -> None:
        self._closed = self._closed or why
        while self._idle:
            self._idle.pop().close()

    def abandon(self) -> list[object]:
        """In a forked child: see Writer.abandon."""
        self._closed = "was opened before this process was forked; open it again in the child"
        kept, self._idle = self._idle, []
        return list(kept)
