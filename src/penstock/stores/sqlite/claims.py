"""Leases: who may act on which rows, until when.

Rows are chosen and leased in one transaction. A lease is timed by the clock that counts from boot, a delay by wall time;
both stand in `due`, for a row is either leased or delayed (see StoreClock).
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from typing import Any, Final, NamedTuple

from penstock.ports import Candidate, Choose, Claim
from penstock.stores.sqlite.clock import StoreClock
from penstock.stores.sqlite.queries import json_list, on_table, statements
from penstock.stores.sqlite.readers import Readers
from penstock.stores.sqlite.tables import CLAIMABLE, COLUMNS, check_claimable
from penstock.stores.sqlite.writer import Writer

WINDOW: Final = 256
"""Candidates that `choose` is shown in one claim, unless more are asked for."""


class Wanted(NamedTuple):
    """What a claim asks for. `skip` and `ids` are JSON lists; `first` ready rows are enough."""

    table: str
    queue: str | None
    ids: str | None
    skip: str
    first: int


class _Found(NamedTuple):
    rank: int
    rowid: int
    id: str
    gate: str | None
    epoch: int
    begun: int


class Claims:
    """Grants, prolongs and foretells leases."""

    def __init__(self, writer: Writer, readers: Readers, clock: StoreClock) -> None:
        self._writer = writer
        self._readers = readers
        self._clock = clock

    def enter_boot(self) -> None:
        """Learn the zero of this boot's clock; the first process of a boot sets it and lapses the leases before it."""
        boot = self._clock.host.boot
        for (origin,) in self._readers.all(statements()["boot_origin"], (boot,)):
            self._clock.origin = origin
            return
        with self._writer.transaction(
            durable=False
        ) as connection:  # what a power cut takes, the next boot replaces
            self._clock.origin = self._enter(connection, boot)

    def _enter(self, connection: sqlite3.Connection, boot: str) -> float:
        for (origin,) in connection.execute(statements()["boot_origin"], (boot,)).fetchall():
            return float(origin)
        for table in CLAIMABLE:
            connection.execute(on_table("lapse_all", table))
        origin = self._clock.fresh_origin()
        connection.execute(statements()["write_boot"], (boot, origin))
        return origin

    def claim(self, wanted: Wanted, owner: str, ttl: float, limit: int, choose: Choose | None) -> list[Claim]:
        check_claimable(wanted.table)
        with self._writer.transaction() as connection:
            found = sorted(self._candidates(connection, wanted))[: max(WINDOW, limit)]
            if choose is not None:
                found = self._chosen(connection, wanted.table, found, choose)
            return self._lease(connection, wanted.table, found[:limit], owner, ttl)

    def _candidates(self, connection: sqlite3.Connection, wanted: Wanted) -> list[_Found]:
        table, queue, ids, skip, first = wanted
        about = {"wall": self._clock.wall(), "lease": self._clock.lease(), "queue": queue, "skip": skip}
        if ids is not None:
            rows = connection.execute(on_table("candidates_named", table), {**about, "ids": ids}).fetchall()
            return [_Found(*row) for row in rows]
        queues = (
            [(queue,)]
            if queue is not None
            else connection.execute(on_table("ready_queues", table)).fetchall()
        )
        rows = connection.execute(
            on_table("candidates_due", table), {**about, "limit": max(WINDOW, first)}
        ).fetchall()
        for (name,) in queues:
            rows += connection.execute(on_table("candidates_ready", table), (name, skip, first)).fetchall()
        return [_Found(*row) for row in rows]

    def _chosen(
        self, connection: sqlite3.Connection, table: str, found: Sequence[_Found], choose: Choose
    ) -> list[_Found]:
        by_id = {row.id: row for row in found}
        held = dict(connection.execute(on_table("held_gates", table), (self._clock.lease(),)).fetchall())
        shut = frozenset(gate for (gate,) in connection.execute(statements()["shut_gates"]).fetchall())
        candidates = [Candidate(row.id, row.gate, row.epoch, bool(row.begun)) for row in found]
        return [by_id[key] for key in dict.fromkeys(choose(candidates, held, shut)) if key in by_id]

    def _lease(
        self, connection: sqlite3.Connection, table: str, rows: Sequence[_Found], owner: str, ttl: float
    ) -> list[Claim]:
        if not rows:
            return []
        rowids = json_list(row.rowid for row in rows)
        due, now = self._clock.lease() + ttl, self._clock.wall()
        leased = connection.execute(on_table("lease", table), (owner, due, now, rowids)).fetchall()
        by_id = {row[0]: dict(zip(COLUMNS[table], row, strict=True)) for row in leased}
        return [_claim(by_id[row.id]) for row in rows]

    def extend(self, table: str, held: Iterable[tuple[str, int]], ttl: float) -> set[str]:
        """Not synced: after a power cut no lease stands anyway."""
        check_claimable(table)
        lent = json_list(held)
        with self._writer.transaction(durable=False) as connection:
            about = {"due": self._clock.lease() + ttl, "held": lent}
            return {key for (key,) in connection.execute(on_table("extend", table), about).fetchall()}

    def next_due(self, table: str, queues: Iterable[str] | None) -> float | None:
        check_claimable(table)
        named = {"queues": None if queues is None else json_list(queues)}
        if self._readers.all(on_table("any_ready", table), named):
            return 0.0
        delayed = [
            due - self._clock.wall() for (due,) in self._readers.all(on_table("first_delayed", table), named)
        ]
        leased = [
            due - self._clock.lease() for (due,) in self._readers.all(on_table("first_lapse", table), named)
        ]
        return min((max(0.0, wait) for wait in delayed + leased), default=None)


def _claim(row: dict[str, Any]) -> Claim:
    return Claim(row["id"], row["epoch"], row["inbox"], row["gate"], row)
