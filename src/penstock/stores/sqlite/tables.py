"""Which tables and columns callers may name, and the statement that writes a row of any of them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from functools import cache
from typing import Any, Final

from penstock.model.changes import Change, Columns, Put

_CLAIMED: Final = ("state", "queue", "rank", "due", "owner", "epoch", "inbox", "gate")
_WHEN: Final = ("created", "updated")
COLUMNS: Final[dict[str, tuple[str, ...]]] = {
    "runs": ("id", "workflow", "status", *_CLAIMED, "tags", "data", *_WHEN),
    "queued": ("id", "run", "step", *_CLAIMED, "data", *_WHEN),
    "documents": ("id", "kind", "version", "data", *_WHEN),
    "blobs": ("id", "data", "created"),
}
CLAIMABLE: Final = ("runs", "queued")
BEGUN: Final = {"runs": "status <> 'pending'", "queued": "0"}
"""What a row says of whether its work has begun."""
PSEUDO: Final = frozenset({"due_in", "rank_minus"})
"""Names a put may use that are no columns: the store works out `due` and `rank` from them."""
_PLAIN: Final = (str, int, float, bytes, type(None))


def check_table(table: str, columns: Iterable[str] = ()) -> None:
    """ValueError where the table, or one of the columns, does not exist."""
    known = COLUMNS.get(table)
    if known is None:
        raise ValueError(f"no table {table!r}; there are {', '.join(COLUMNS)}")
    if unknown := [name for name in columns if name not in known]:
        raise ValueError(
            f"table {table!r} has no column {', '.join(sorted(unknown))}; it has {', '.join(known)}"
        )


def check_claimable(table: str) -> None:
    if table not in CLAIMABLE:
        raise ValueError(f"rows of {table!r} cannot be claimed; those of {' and '.join(CLAIMABLE)} can")


def check_change(change: Change) -> None:
    """What no right caller writes, found before anything is written."""
    if change.events:
        assert change.expect is not None, "events need an expected sequence"
        check_numbers(change)
    assert change.run or not (change.events or change.letters or change.take), "whose events or letters?"
    for guard in change.guards:
        check_table(guard.table, guard.columns or ())
    for put in change.puts:
        check_put(put)


def check_numbers(change: Change) -> None:
    for expected, event in enumerate(change.events, (change.expect or 0) + 1):
        assert event.sequence == expected, f"event {event.sequence} of {change.run} where {expected} is due"


def check_put(put: Put) -> None:
    if put.columns is None:
        check_table(put.table)
        return
    _check_names(put.table, tuple(put.columns))
    for name, value in put.columns.items():
        if not isinstance(value, _PLAIN):
            raise ValueError(f"{put.table}.{name} cannot hold {value!r}: only text, numbers, bytes, None")


@cache
def _check_names(table: str, names: Sequence[str]) -> None:
    check_table(table, [name for name in names if name not in PSEUDO or table not in CLAIMABLE])
    if "id" in names:
        raise ValueError(f"a row of {table} has its key for an id; it cannot be put as a column")


def resolve(
    put: Put, due: Callable[[float, Any], float], rank: Callable[[], int], now: float
) -> dict[str, Any]:
    """The columns to write: pseudo columns worked out, and what follows from a new state.

    `due(seconds, state)` is when so many seconds from now will be on the clock that times rows of that state.
    """
    assert put.columns is not None
    columns = dict(put.columns)
    if "due_in" in columns:
        columns["due"] = due(columns.pop("due_in"), columns.get("state"))
    if "rank_minus" in columns:
        columns["rank"] = rank() - columns.pop("rank_minus")
    if columns.get("state") in ("ready", "delayed"):
        columns.setdefault("owner", None)
    columns.setdefault("created", now)
    if put.table != "blobs":
        columns.setdefault("updated", now)
    return columns


Statement = tuple[str, tuple[Any, ...]]
"""SQL and its parameters."""


def upsert(put: Put, columns: Columns) -> Statement:
    """Write a row with these columns; of an old row only change what was put, and `updated`."""
    sql = _upsert(put.table, tuple(columns), "created" in (put.columns or {}))
    return sql, _parameters(put, columns)


def write_run(put: Put, columns: Columns, is_new: bool) -> Statement:
    """As `upsert` of a run, but nothing is returned; one that must be new violates a constraint where it is not."""
    sql = _write_run(tuple(columns), "created" in (put.columns or {}), is_new)
    return sql, _parameters(put, columns)


def _parameters(put: Put, columns: Columns) -> tuple[Any, ...]:
    return (
        (put.key, *columns.values(), put.key)
        if _has_inbox(put.table, columns)
        else (put.key, *columns.values())
    )


def _has_inbox(table: str, names: Collection[str]) -> bool:
    """Whether the row is a run's, and finds the number of its newest letter itself."""
    return table == "runs" and "inbox" not in names


@cache
def _upsert(table: str, names: Sequence[str], created: bool) -> str:
    into, values = ["id", *names], ["?"] * (len(names) + 1)
    if _has_inbox(table, names):
        into.append("inbox")
        values.append("coalesce((SELECT newest FROM inboxes WHERE run = ?), 0)")
    changed = ", ".join(f"{name} = excluded.{name}" for name in names if created or name != "created")
    do = f"UPDATE SET {changed}" if changed else "NOTHING"
    returned = " RETURNING state, queue, created" if table in CLAIMABLE else ""
    return f"INSERT INTO {table} ({', '.join(into)}) VALUES ({', '.join(values)}) ON CONFLICT (id) DO {do}{returned}"


@cache
def _write_run(names: Sequence[str], created: bool, is_new: bool) -> str:
    sql = _upsert("runs", names, created)
    return sql.partition(" ON CONFLICT" if is_new else " RETURNING")[0]


@cache
def select(table: str, count: int) -> str:
    """Rows by key, so many of them."""
    return f"SELECT {', '.join(COLUMNS[table])} FROM {table} WHERE id IN ({', '.join('?' * count)})"


@cache
def find(
    table: str, columns: Sequence[str], prefix: bool, after: bool, newest_first: bool, is_open: bool
) -> str:
    """Rows in order of creation; parameters: the columns' values, prefix and its end, rowid to begin after, limit.

    `is_open` says of runs that none asked for is completed, which lets SQLite use the index of those.
    """
    terms = [f"{name} IS ?" for name in columns]
    if is_open:
        terms.append("status <> 'completed'")
    if prefix:
        terms += ["id >= ?", "id < ?"]
    if after:
        terms.append("rowid < ?" if newest_first else "rowid > ?")
    where = f" WHERE {' AND '.join(terms)}" if terms else ""
    order = "DESC" if newest_first else "ASC"
    return f"SELECT {', '.join(COLUMNS[table])} FROM {table}{where} ORDER BY rowid {order} LIMIT ?"
