"""A store as dicts and lists, written from the port's words alone: what the suite compares backends with.

It shares no code with any backend, not even `judge`, and is slow and plain on purpose.
"""

from __future__ import annotations

from copy import deepcopy
from typing import Any

from penstock.model.changes import (
    Change,
    Conflict,
    Duplicate,
    Letter,
    Mismatch,
    Ok,
    Put,
    Refused,
    Row,
    Verdict,
)
from penstock.testing.store_suite.rows import TABLES

Facts = dict[str, Any]


class NaiveStore:
    """The facts that a store would hold, without the columns `created`, `updated`."""

    def __init__(self) -> None:
        self.now = 0.0
        self.rows: dict[str, dict[str, Facts]] = {"runs": {}, "queued": {}}
        self.logs: dict[str, list[Row]] = {}
        self.stream: list[tuple[str, Row]] = []
        self.letters: dict[str, list[Letter]] = {}
        self.newest: dict[str, int] = {}
        self.letter_keys: set[tuple[str, str | None]] = set()
        self.keys: dict[tuple[str, str], str] = {}

    def commit(self, changes: list[Change]) -> list[Verdict]:
        return [self._commit(change) for change in changes]

    def _commit(self, change: Change) -> Verdict:
        if change.key is not None and (change.run, change.key) in self.keys:
            same = self.keys[change.run, change.key] == change.digest
            return Duplicate() if same else Mismatch(change.key)
        for guard in change.guards:
            actual = self.rows[guard.table].get(guard.key)
            wanted = None if guard.columns is None else {**(actual or {}), **guard.columns}
            if actual != wanted:
                return Refused(guard, deepcopy(actual))
        last = len(self.logs.get(change.run, []))
        if change.expect is not None and change.expect != last:
            return Conflict(last)
        self._write(change)
        return Ok()

    def _write(self, change: Change) -> None:
        if change.key is not None:
            self.keys[change.run, change.key] = change.digest
        for put in change.puts:
            self._put(put)
        self.logs.setdefault(change.run, []).extend(change.events)
        self.stream += [(change.run, event) for event in change.events]
        for letter in change.letters:
            self._send(change.run, letter)
        kept = [letter for letter in self.letters.get(change.run, []) if letter.number > (change.take or 0)]
        self.letters[change.run] = kept

    def _put(self, put: Put) -> None:
        rows = self.rows[put.table]
        if put.columns is None:
            rows.pop(put.key, None)
            return
        fresh = {"id": put.key, **TABLES[put.table]}
        if put.table == "runs":
            fresh["inbox"] = self.newest.get(put.key, 0)
        row = rows.setdefault(put.key, fresh)
        if put.columns.get("state") in ("ready", "delayed"):
            row["owner"] = None
        for name, value in put.columns.items():
            row["due" if name == "due_in" else name] = self.now + value if name == "due_in" else value

    def _send(self, run: str, letter: Letter) -> None:
        if letter.key is not None and (run, letter.key) in self.letter_keys:
            return
        self.letter_keys.add((run, letter.key))
        self.newest[run] = self.newest.get(run, 0) + 1
        self.letters.setdefault(run, []).append(letter._replace(number=self.newest[run]))
        if run in self.rows["runs"]:
            self.rows["runs"][run]["inbox"] = self.newest[run]

    def claimable(self, row: Facts) -> bool:
        lapsed = row["due"] is not None and row["due"] <= self.now
        return row["state"] == "ready" or (row["state"] in ("delayed", "leased") and lapsed)

    def line(self, table: str, queue: str | None, ids: list[str] | None, skip: list[str]) -> list[Facts]:
        """The rows that a claim may have now, the first in line first."""
        rows = [row for row in self.rows[table].values() if ids is None or row["id"] in ids]
        rows = [row for row in rows if self.claimable(row) or (ids and row["state"] == "idle")]
        rows = [row for row in rows if queue in (None, row["queue"]) and row["gate"] not in skip]
        return sorted(rows, key=lambda row: row["rank"])

    def lease(self, rows: list[Facts], owner: str, ttl: float) -> list[tuple[str, int]]:
        """(id, epoch) of each row, leased."""
        for row in rows:
            row.update(state="leased", owner=owner, due=self.now + ttl, epoch=row["epoch"] + 1)
        return [(row["id"], row["epoch"]) for row in rows]

    def extend(self, table: str, held: list[tuple[str, int]], ttl: float) -> set[str]:
        rows = self.rows[table]
        leased = {(key, row["epoch"]) for key, row in rows.items() if row["state"] == "leased"}
        still = {key for key, _ in leased & set(held)}
        for key in still:
            rows[key]["due"] = self.now + ttl
        return still

    def next_due(self, table: str) -> float | None:
        rows = list(self.rows[table].values())
        if any(self.claimable(row) for row in rows):
            return 0.0
        timed = [
            row["due"] for row in rows if row["state"] in ("delayed", "leased") and row["due"] is not None
        ]
        return min(timed) - self.now if timed else None
