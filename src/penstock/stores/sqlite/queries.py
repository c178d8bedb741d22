"""The SQL of the SQLite store: numbered migrations and named statements, read from stores/sql/sqlite."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from functools import cache, reduce
from typing import Any, Final

import msgspec

_FOLDER: Final = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "sql", "sqlite")
_NAME: Final = re.compile(r"^-- name: (\w+)$", re.MULTILINE)
_COMMENT: Final = re.compile(r"^\s*--.*\n", re.MULTILINE)


def _text(name: str) -> str:
    with open(os.path.join(_FOLDER, name), encoding="utf-8") as file:
        return file.read()


@cache
def statements() -> dict[str, str]:
    """Statement by name, without its comments."""
    parts = _NAME.split(_text("queries.sql"))[1:]
    return {name: _COMMENT.sub("", sql).strip() for name, sql in zip(parts[::2], parts[1::2], strict=True)}


@cache
def on_table(name: str, table: str) -> str:
    """A statement that works on `runs` or `queued`, for one of them."""
    from penstock.stores.sqlite.tables import BEGUN, COLUMNS

    words = {"{table}": table, "{columns}": ", ".join(COLUMNS[table]), "{begun}": BEGUN[table]}
    return reduce(lambda text, word: text.replace(word, words[word]), words, statements()[name])


def json_list(values: Iterable[Any]) -> str:
    """What a statement takes where it names any number of rows: see json_each."""
    return msgspec.json.encode(list(values)).decode()


def migrations(after: int = 0) -> Iterator[tuple[int, str]]:
    """(number, script) of the migrations that bring a file from schema `after` to the newest."""
    for number in range(after + 1, newest() + 1):
        yield number, _text(f"{number:04}.sql")


@cache
def newest() -> int:
    """The schema this version of Penstock writes."""
    return max(int(name[:4]) for name in os.listdir(_FOLDER) if re.fullmatch(r"\d{4}\.sql", name))
