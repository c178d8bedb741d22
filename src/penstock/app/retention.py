"""Deleting finished runs by age, number, tags, status or workflow; the deletion itself is recorded.

1. Runs that have not finished are never deleted, nor those that another run, which has not finished, started.
2. What is deleted goes whole: events, letters, captured output, and values that nothing else names. Results that were kept for
   other runs, and whose time is up, are deleted on the way, for they name values too.
3. Each deletion leaves a document of kind `pruned`, written before it begins: who asked for what, and which runs that meant.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from datetime import timedelta
from typing import Any, Final, get_args

import msgspec

from penstock.app.parts import Parts
from penstock.app.reading import parent_of
from penstock.app.results import outlived
from penstock.app.starting import check_start
from penstock.errors import RunNotFound, SettingsError
from penstock.model.changes import Change, Put
from penstock.model.states import FINISHED, RunStatus
from penstock.model.wording import listed, shown
from penstock.ports import Store

KIND: Final = "pruned"
MOST_NAMED: Final = 10_000
"""How many runs a record names; all are counted."""
_PAGE: Final = 1_000

Row = dict[str, Any]


class Terms(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Which runs: all terms hold together. Of each workflow the newest `keep` runs that the other terms but age mean stay."""

    older_than: float | None = None
    keep: int | None = None
    tags: dict[str, str] = {}
    statuses: tuple[str, ...] = ()
    workflow: str | None = None


class Pruned(msgspec.Struct, frozen=True, kw_only=True):
    """A deletion: when, by whom, of what; the `runs` that it meant, at most 10,000 of them, and how many went."""

    at: float
    by: str
    terms: Terms
    runs: list[str]
    found: int
    workflows: dict[str, int]
    deleted: int | None = None


def prune(engine: Parts, terms: Terms, *, dry_run: bool = False) -> Pruned:
    """See Engine.prune."""
    store, now = engine.durable_store(), engine.clock.now()
    meant = ((row["id"], row["workflow"]) for row in doomed(_finished(store), terms, now))
    found = [(run, workflow) for run, workflow in meant if not _is_wanted(store, run)]
    runs = [run for run, _ in found]
    workflows = dict(Counter(workflow for _, workflow in found))
    record = Pruned(
        at=now, by=engine.owner, terms=terms, runs=runs[:MOST_NAMED], found=len(runs), workflows=workflows
    )
    if dry_run:
        return record
    documents = outlived(store)
    if not runs:
        store.prune([], documents)
        return record
    key = f"{KIND}:{now:.3f}:{os.urandom(4).hex()}"
    _write(store, key, record)
    record = msgspec.structs.replace(record, deleted=store.prune(runs, documents))
    _write(store, key, record)
    return record


def prunings(engine: Parts, limit: int) -> list[Pruned]:
    """See Engine.prunings."""
    rows = engine.durable_store().find("documents", {"kind": KIND}, limit=limit, newest_first=True)
    return [msgspec.json.decode(row["data"], type=Pruned) for row in rows]


def checked(
    older_than: Any, keep: Any, tags: Mapping[str, str] | None, statuses: Iterable[str], workflow: str | None
) -> Terms:
    """The terms, if they mean something. Raises SettingsError."""
    seconds = older_than.total_seconds() if isinstance(older_than, timedelta) else older_than
    if seconds is not None and not (_is_number(seconds, float) and seconds >= 0):
        raise SettingsError(
            f"older_than={shown(older_than)} must be a number of seconds, 0 or more, or a timedelta"
        )
    if keep is not None and not (_is_number(keep) and keep >= 0):
        raise SettingsError(f"keep={shown(keep)} must be a whole number, 0 or more")
    check_start(workflow or "", tags=tags)
    asked = (statuses,) if isinstance(statuses, str) else tuple(statuses)
    for status in asked:
        if status not in FINISHED:
            live = "only runs that have finished can be deleted: " if status in get_args(RunStatus) else ""
            raise SettingsError(f"status {shown(status)}: {live}there are {listed(sorted(FINISHED))}")
    terms = Terms(older_than=seconds, keep=keep, tags=dict(tags or {}), statuses=asked, workflow=workflow)
    if terms == Terms():
        raise SettingsError(
            "say which runs to delete: older_than=, keep=, tags=, statuses= or workflow="
            " (--older-than 30d, --keep 100, --tag NAME=VALUE, --status completed, --workflow NAME)"
        )
    return terms


def doomed(newest_first: Iterable[Row], terms: Terms, now: float) -> Iterator[Row]:
    """Of finished runs, the newest first, those that the terms mean. Pure."""
    kept: Counter[str] = Counter()
    for row in newest_first:
        if not _is_meant(row, terms):
            continue
        if kept[row["workflow"]] < (terms.keep or 0):
            kept[row["workflow"]] += 1
        elif terms.older_than is None or row["updated"] < now - terms.older_than:
            yield row


def _is_meant(row: Row, terms: Terms) -> bool:
    if terms.workflow is not None and row["workflow"] != terms.workflow:
        return False
    if terms.statuses and row["status"] not in terms.statuses:
        return False
    return not terms.tags or terms.tags.items() <= json.loads(row["tags"] or "{}").items()


def _finished(store: Store) -> Iterator[Row]:
    """Runs that have finished and that nobody is about to reopen, the newest first."""
    after = None
    with contextlib.suppress(
        RunNotFound
    ):  # somebody else deletes just now what was read last: the rest is theirs
        while page := store.find("runs", after=after, limit=_PAGE, newest_first=True):
            yield from (row for row in page if row["status"] in FINISHED and row["state"] != "leased")
            after = page[-1]["id"]


def _is_wanted(store: Store, run: str) -> bool:
    """Whether a run that has not finished started this one, and may still ask what became of it."""
    parent = parent_of(store, run)
    row = None if parent is None else store.get("runs", [parent]).get(parent)
    return row is not None and row["status"] not in FINISHED


def _write(store: Store, key: str, record: Pruned) -> None:
    columns = {"kind": KIND, "data": msgspec.json.encode(record).decode()}
    store.commit([Change(puts=[Put("documents", key, columns)])])


def _is_number(value: Any, *also: type) -> bool:
    number: Any = value if isinstance(value, (int, *also)) and not isinstance(value, bool) else math.nan
    return math.isfinite(number)
