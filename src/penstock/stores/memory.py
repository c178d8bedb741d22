"""A store in memory, for tests and simulated time: bytes and text, the full log.

Everything lies on a `MemoryDisk`; a `MemoryStore` is one process's handle on it. Two handles on one disk are
two processes on one store, and a new handle on an old disk is a restart. One lock a disk guards everything:
a commit is atomic and every read is of one moment.
"""

from __future__ import annotations

import json
import time
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import islice
from typing import Any, Final

from penstock.errors import RunNotFound, StoreClosed, StoreError
from penstock.model.changes import Change, Columns, Letter, Put, Row, Verdict
from penstock.model.states import FINISHED
from penstock.ports import Candidate, Choose, Claim
from penstock.stores.memory_disk import CLAIMABLE, PSEUDO, Commit, LogLine, MemoryBell, MemoryDisk, Record

_WINDOW: Final = 256
"""Candidates that `choose` is shown in one claim, unless more are asked for."""


class MemoryStore:
    """See Store. `MemoryStore(disk=other.disk)` is another process's handle on the same facts."""

    def __init__(self, *, clock: Callable[[], float] = time.time, disk: MemoryDisk | None = None) -> None:
        self.url = "memory:"
        self.disk = disk or MemoryDisk()
        self._clock = clock
        self._closed = False

    @contextmanager
    def _locked(self) -> Iterator[MemoryDisk]:
        with self.disk.lock:
            if self._closed:
                raise StoreClosed("this handle on the memory store was closed; open another on the same disk")
            yield self.disk

    def now(self) -> float:
        return self._clock()

    def commit(self, changes: Sequence[Change]) -> list[Verdict]:
        with self._locked() as disk:
            for change in changes:
                _refuse_nonsense(change, disk)
            commit = Commit(disk, self.now())
            verdicts = [commit.apply(change) for change in changes]
            disk.ring(commit.topics)
            return verdicts

    def read(self, run: str, after: int = 0, limit: int = 10_000) -> list[Row]:
        with self._locked() as disk:
            return disk.logs.get(run, [])[after : after + limit]

    def follow(self, cursor: str = "", limit: int = 1_000) -> tuple[list[tuple[str, Row]], str]:
        with self._locked() as disk:
            start = bisect_right(disk.stream, int(cursor or 0), key=lambda entry: entry[0])
            page = disk.stream[start : start + limit]
            return [(run, event) for _, run, event in page], str(page[-1][0]) if page else cursor

    def inbox(self, run: str, after: int = 0) -> list[Letter]:
        with self._locked() as disk:
            letters = disk.inboxes[run].letters if run in disk.inboxes else []
            return [letter for letter in letters if letter.number > after]

    def get(self, table: str, keys: Iterable[str]) -> dict[str, dict[str, Any]]:
        with self._locked() as disk:
            rows = disk.table(table)
            return {key: dict(rows[key]) for key in keys if key in rows}

    def find(
        self,
        table: str,
        where: Mapping[str, Any] | None = None,
        *,
        prefix: str = "",
        after: str | None = None,
        limit: int = 100,
        newest_first: bool = False,
    ) -> list[dict[str, Any]]:
        wanted = where or {}
        with self._locked() as disk:
            rows = disk.table(table, wanted)
            order = list(reversed(rows) if newest_first else rows)
            rest = order[_place(order, after, table) :]
            found = (rows[key] for key in rest if key.startswith(prefix) and _matches(rows[key], wanted))
            return [dict(row) for row in islice(found, limit)]

    def claim(  # noqa: PLR0913 - one call, one transaction
        self,
        table: str,
        owner: str,
        *,
        ttl: float,
        limit: int = 1,
        queue: str | None = None,
        ids: Sequence[str] | None = None,
        choose: Choose | None = None,
        skip: Iterable[str] = (),
    ) -> list[Claim]:
        with self._locked() as disk:
            now, shunned = self.now(), frozenset(skip)
            rows = disk.claimable(table)
            named = rows.values() if ids is None else _named(rows, ids)
            free = [row for row in named if _is_free(row, now, idle_too=ids is not None)]
            open_ = [row for row in free if queue in (None, row["queue"]) and row["gate"] not in shunned]
            window = sorted(open_, key=lambda row: row["rank"])[: max(_WINDOW, limit)]
            chosen = _chosen(choose, window, _held(rows.values(), now), _shut(disk)) if choose else window
            return [_lease(row, owner, now + ttl, now) for row in chosen[:limit]]

    def extend(self, table: str, held: Iterable[tuple[str, int]], ttl: float) -> set[str]:
        with self._locked() as disk:
            rows, due = disk.claimable(table), self.now() + ttl
            still = {key for key, epoch in held if _is_held(rows.get(key), epoch)}
            for key in still:
                rows[key]["due"] = due
            return still

    def next_due(self, table: str, queues: Iterable[str] | None = None) -> float | None:
        with self._locked() as disk:
            rows, now = disk.claimable(table).values(), self.now()
            wanted = None if queues is None else frozenset(queues)
            waits = [_wait(row, now) for row in rows if wanted is None or row["queue"] in wanted]
            return min((wait for wait in waits if wait is not None), default=None)

    def write_logs(self, lines: Sequence[LogLine]) -> None:
        with self._locked() as disk:
            disk.output.extend(enumerate(lines, disk.lines + 1))
            disk.lines += len(lines)

    def read_logs(
        self, run: str, step: str | None = None, after: int = 0, limit: int = 10_000
    ) -> list[tuple[Any, ...]]:
        with self._locked() as disk:
            start = bisect_right(disk.output, after, key=lambda entry: entry[0])
            entries = (entry for entry in islice(disk.output, start, None) if entry[1][0] == run)
            found = (entry for entry in entries if step is None or entry[1][1] == step)
            return [(number, *line[1:]) for number, line in islice(found, limit)]

    def watch(self, topics: Iterable[str]) -> MemoryBell:
        with self._locked() as disk:
            bell = MemoryBell(topics, disk)
            disk.bells.append(bell)
            return bell

    def ring(self, topics: Iterable[str]) -> None:
        with self._locked() as disk:
            disk.ring(topics)

    def backup(self, path: str) -> None:
        raise StoreError(f"a memory store cannot be copied to {path}; one in sqlite:///PATH can")

    def check(self) -> list[str]:
        with self._locked() as disk:
            return [*_wrong_logs(disk), *_wrong_inboxes(disk), *_wrong_rows(disk)]

    def health(self) -> dict[str, Any]:
        with self._locked() as disk:
            counts = {name: len(rows) for name, rows in disk.tables.items()}
            letters = sum(len(inbox.letters) for inbox in disk.inboxes.values())
            counts |= {"events": len(disk.stream), "letters": letters, "logs": len(disk.output)}
            size = sum(len(event.body) for _, _, event in disk.stream)
            statuses = dict(Counter(row["status"] for row in disk.tables["runs"].values()))
            return {
                "size": size, "wal_size": 0, "schema_version": 1, "durability": "none", "counts": counts, "statuses": statuses,
                "newest_event_at": disk.stream[-1][2].at if disk.stream else None, "clock_jump": 0.0,
            }  # fmt: skip

    def prune(self, runs: Iterable[str], documents: Iterable[str] = ()) -> int:
        with self._locked() as disk:
            rows = disk.tables["runs"]
            gone = {run for run in runs if run in rows and rows[run]["status"] in FINISHED}
            disk.prune(gone, frozenset(documents))
            return len(gone)

    def close(self) -> None:
        self._closed = True


def _refuse_nonsense(change: Change, disk: MemoryDisk) -> None:
    """What no right caller writes, found before anything is written."""
    if change.events:
        assert change.expect is not None, "events need an expected sequence"
        sequences = [event.sequence for event in change.events]
        assert sequences == list(range(change.expect + 1, change.expect + 1 + len(sequences))), sequences
    assert change.run or not (change.events or change.letters or change.take), "whose events or letters?"
    for guard in change.guards:
        disk.table(guard.table, guard.columns or ())
    for put in change.puts:
        _refuse_row(put, disk)


def _refuse_row(put: Put, disk: MemoryDisk) -> None:
    columns = put.columns or {}
    disk.table(put.table, columns.keys() - (PSEUDO if put.table in CLAIMABLE else frozenset()))
    if "id" in columns:
        raise ValueError(f"the id of {put.table} {put.key!r} is its key, no column to write")
    for name, value in columns.items():
        if not isinstance(value, str | int | float | bytes | None):
            raise ValueError(f"{put.table}.{name} cannot hold {value!r}: only text, numbers, bytes, None")


def _place(order: Sequence[str], after: str | None, table: str) -> int:
    if after is None:
        return 0
    try:
        return order.index(after) + 1
    except ValueError:
        raise RunNotFound(f"row {after!r} of {table} went while paging: begin again") from None


def _matches(row: Columns, wanted: Columns) -> bool:
    return all(row[name] == value for name, value in wanted.items())


def _named(rows: Mapping[str, Record], ids: Sequence[str]) -> Iterable[Record]:
    """Those of the rows, in the order of their first put."""
    if len(ids) == 1:
        return [rows[key] for key in ids if key in rows]
    wanted = frozenset(ids)
    return [row for key, row in rows.items() if key in wanted]


def _is_free(row: Columns, now: float, *, idle_too: bool = False) -> bool:
    """Whether a claim may have this row now."""
    if row["state"] in ("delayed", "leased"):
        return row["due"] is not None and row["due"] <= now
    return row["state"] == "ready" or (idle_too and row["state"] == "idle")


def _is_held(row: Columns | None, epoch: int) -> bool:
    return row is not None and row["state"] == "leased" and row["epoch"] == epoch


def _chosen(
    choose: Choose, window: Sequence[Record], held: Mapping[str, int], shut: frozenset[str]
) -> list[Record]:
    by_id = {row["id"]: row for row in window}
    fresh = (None, "pending")  # what is queued has no status
    candidates = [Candidate(r["id"], r["gate"], r["epoch"], r.get("status") not in fresh) for r in window]
    return [by_id[key] for key in dict.fromkeys(choose(candidates, held, shut)) if key in by_id]


def _held(rows: Iterable[Columns], now: float) -> Mapping[str, int]:
    """Leases that have not lapsed, a gate."""
    leased = [row for row in rows if row["state"] == "leased" and not _is_free(row, now)]
    return Counter(row["gate"] for row in leased if row["gate"] is not None)


def _shut(disk: MemoryDisk) -> frozenset[str]:
    gates = [row for row in disk.tables["documents"].values() if row["kind"] == "gate"]
    shut = [row["id"] for row in gates if json.loads(row["data"] or "{}").get("shut")]
    return frozenset(key.removeprefix("gate:") for key in shut)


def _lease(row: Record, owner: str, due: float, now: float) -> Claim:
    row.update(state="leased", owner=owner, due=due, epoch=row["epoch"] + 1, updated=now)
    return Claim(row["id"], row["epoch"], row["inbox"], row["gate"], dict(row))


def _wait(row: Columns, now: float) -> float | None:
    """Seconds until this row may be claimed (None: that will not come by itself)."""
    if row["state"] == "ready":
        return 0.0
    timed = row["state"] in ("delayed", "leased") and row["due"] is not None
    return max(0.0, float(row["due"]) - now) if timed else None


def _wrong_logs(disk: MemoryDisk) -> Iterator[str]:
    for run, log in disk.logs.items():
        if [event.sequence for event in log] != list(range(1, len(log) + 1)):
            yield f"The log of run {run} has a hole or an event out of order."


def _wrong_inboxes(disk: MemoryDisk) -> Iterator[str]:
    for run, row in disk.tables["runs"].items():
        if row["inbox"] != disk.newest_letter(run):
            yield f"Run {run} says its newest letter is {row['inbox']}, but it is {disk.newest_letter(run)}."


def _wrong_rows(disk: MemoryDisk) -> Iterator[str]:
    for name in CLAIMABLE:
        for row in disk.tables[name].values():
            if row["state"] == "leased" and (row["owner"] is None or row["due"] is None):
                yield f"Row {row['id']} of {name} is leased, but by nobody or for ever."
