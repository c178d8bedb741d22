"""Deleting finished runs with all that is theirs, and documents.

A blob goes when nothing names it any more. Which of the blobs that were named by what is deleted somebody else names is looked
for in two strides, so that writers do not wait for a reading of every log: first without any lock, then, in the transaction, in
what came since.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterable, Iterator
from typing import Any, Final

from penstock.model.states import FINISHED
from penstock.stores.sqlite.queries import json_list, statements
from penstock.stores.sqlite.readers import Readers
from penstock.stores.sqlite.writer import Writer

_AT_ONCE: Final = 100
_NONE: Final = json_list([])
_PAGE: Final = 2_000
_WORD: Final = re.compile(r"[^\s\"'\\,;()\[\]{}]+")
"""What may be a blob's id inside a text."""


class Pruning:
    """See Store.prune."""

    def __init__(self, writer: Writer, readers: Readers) -> None:
        self._writer = writer
        self._readers = readers
        self._sql = statements()

    def prune(self, runs: Iterable[str], documents: Iterable[str]) -> int:
        """Documents go first: what only they still name of a run's blobs goes with the run then."""
        for page in _pages(documents):
            self._prune_page(_NONE, page)
        return sum(self._prune_page(page, _NONE) for page in _pages(runs))

    def _prune_page(self, runs: str, documents: str) -> int:
        finished = json_list(sorted(FINISHED))
        suspects = self._suspects(runs, documents)
        position = self._strike_named(suspects, runs)
        with self._writer.transaction() as connection:
            gone = [
                run for (run,) in connection.execute(self._sql["finished_of"], (runs, finished)).fetchall()
            ]
            if gone:
                self._delete(connection, json_list(gone))
            connection.execute(self._sql["delete_documents"], (documents,))
            self._collect(connection, suspects, position)
        return len(gone)

    def _suspects(self, runs: str, documents: str) -> set[str]:
        """The blobs that these runs and documents name."""
        if not self._readers.all(self._sql["any_blob"]):
            return set()
        words: set[str] = set()
        for (text,) in self._readers.all(self._sql["texts_of"], {"runs": runs, "documents": documents}):
            words.update(_WORD.findall(text))
        named = json_list(sorted(words))
        return {blob for (blob,) in self._readers.all(self._sql["blobs_among"], (named,))}

    def _strike_named(self, suspects: set[str], runs: str) -> int:
        """Take out the suspects that other runs' events name; the position up to which they were read."""
        position = 0
        while suspects:
            page = self._readers.all(self._sql["bodies_after"], (position, runs, _PAGE))
            if not page:
                break
            position = page[-1][0]
            _strike(suspects, (body for _, body in page))
        return position

    def _delete(self, connection: sqlite3.Connection, runs: str) -> None:
        connection.execute(self._sql["keep_place"], (runs,))
        for name in (
            "keep_inboxes",
            "delete_events",
            "delete_letters",
            "delete_queued",
            "delete_logs",
            "delete_runs",
        ):
            connection.execute(self._sql[name], (runs,))

    def _collect(self, connection: sqlite3.Connection, suspects: set[str], position: int) -> None:
        if suspects:
            _strike(suspects, _texts(connection.execute(self._sql["texts_since"], (position,))))
            connection.execute(self._sql["delete_blobs"], (json_list(sorted(suspects)),))


def _pages(names: Iterable[str]) -> Iterator[str]:
    wanted = list(dict.fromkeys(names))
    return (json_list(wanted[start : start + _AT_ONCE]) for start in range(0, len(wanted), _AT_ONCE))


def _texts(rows: Iterable[tuple[Any, ...]]) -> Iterator[str]:
    return (text for (text,) in rows if isinstance(text, str))


def _strike(suspects: set[str], texts: Iterable[str]) -> None:
    for text in texts:
        suspects.difference_update(_WORD.findall(text))
