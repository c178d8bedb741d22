"""The results that steps left to other runs, as a whole: what there is, and forgetting it."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Final, NamedTuple

import msgspec

from penstock.app.caching import KIND, REPLACED, Entry
from penstock.ports import Store

_PAGE: Final = 1_000


class FunctionResults(NamedTuple):
    """The results of one function. `newest` is when the newest was made, by the store's clock, and `run` by which run."""

    function: str
    results: int
    expired: int
    newest: float
    run: str


def kept(store: Store) -> list[FunctionResults]:
    """What there is, by function."""
    found: dict[str, FunctionResults] = {}
    now = store.now()
    for _, entry in _entries(store):
        before = found.get(entry.function, FunctionResults(entry.function, 0, 0, float("-inf"), ""))
        newest, run = max((before.newest, before.run), (entry.at, entry.run))
        expired = before.expired + entry.is_over(now)
        found[entry.function] = FunctionResults(entry.function, before.results + 1, expired, newest, run)
    return sorted(found.values())


def forget(store: Store, functions: Collection[str] = (), *, expired: bool = False) -> int:
    """Forget results of these functions (none: of all), with `expired` only those whose time is up; how many went.

    Values that no run names go with them.
    """
    ids = ids_of(store, functions, expired=expired)
    store.prune([], ids)
    return len(ids)


def ids_of(store: Store, functions: Collection[str] = (), *, expired: bool = False) -> list[str]:
    """The documents of such results."""
    now = store.now()
    return [
        key
        for key, entry in _entries(store)
        if (not functions or entry.function in functions) and (not expired or entry.is_over(now))
    ]


def outlived(store: Store) -> list[str]:
    """The documents that `prune` deletes: results whose time is up, and what names values that newer results have replaced."""
    replaced = store.find("documents", {"kind": REPLACED}, limit=_PAGE)
    return [*ids_of(store, expired=True), *(row["id"] for row in replaced)]


def _entries(store: Store) -> Iterator[tuple[str, Entry]]:
    after: str | None = None
    while rows := store.find("documents", {"kind": KIND}, after=after, limit=_PAGE):
        for row in rows:
            yield row["id"], msgspec.json.decode(row["data"], type=Entry)
        after = rows[-1]["id"]
