"""What memory stores keep their facts on: a `MemoryDisk` with its bells, and one `Commit` that writes to it.

Changes are judged one by one against the rows as they are: what a put leaves to the store (defaults, an inbox
number, a rank) is thereby seen by the guards that follow in the same batch.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence, Set
from typing import Any, Final

from penstock.model.changes import Change, Columns, Known, Letter, Ok, Put, Row, Verdict, judge

_CLAIMED: Final = {
    "state": "idle", "queue": "default", "rank": 0, "due": None, "owner": None, "epoch": 0, "inbox": 0,
    "gate": None, "data": None, "created": None, "updated": None,
}  # fmt: skip
TABLES: Final[Mapping[str, Mapping[str, Any]]] = {
    "runs": {"workflow": None, "status": "pending", "tags": None, **_CLAIMED},
    "queued": {"run": None, "step": None, **_CLAIMED},
    "documents": {"kind": None, "version": None, "data": None, "created": None, "updated": None},
    "blobs": {"data": None, "created": None},
}
"""Table -> column -> what a new row holds there when nothing is said."""

CLAIMABLE: Final = ("runs", "queued")
PSEUDO: Final = frozenset({"due_in", "rank_minus"})
"""Names a put may use that are no columns: the store works out `due` and `rank` from them."""

Record = dict[str, Any]
LogLine = tuple[str, str, int | None, int, float, str, str]


class MemoryBell:
    """See Bell. One pipe: a byte lies in it as long as a topic rang that was not drained."""

    def __init__(self, topics: Iterable[str], disk: MemoryDisk) -> None:
        names = tuple(topics)
        self._exact = frozenset(name for name in names if not name.endswith("*"))
        self._prefixes = tuple(name[:-1] for name in names if name.endswith("*"))
        self._rang: set[str] = set()
        self._disk = disk
        self._reader, self._writer = os.pipe()

    def fileno(self) -> int:
        return self._reader

    def hear(self, topics: Iterable[str]) -> None:
        """Ring for those topics this bell is for; the disk's lock is held."""
        heard = {topic for topic in topics if topic in self._exact or topic.startswith(self._prefixes)}
        if heard and not self._rang:
            os.write(self._writer, b"!")
        self._rang |= heard

    def drain(self) -> frozenset[str]:
        with self._disk.lock:
            rang = frozenset(self._rang)
            if rang:
                os.read(self._reader, 1)
                self._rang.clear()
            return rang

    def close(self) -> None:
        with self._disk.lock:
            if self in self._disk.bells:
                self._disk.bells.remove(self)
                os.close(self._reader)
                os.close(self._writer)


class Inbox:
    """A run's letters that were not taken, the number of the newest ever, and every key ever seen."""

    def __init__(self) -> None:
        self.letters: list[Letter] = []
        self.newest = 0
        self.keys: set[str] = set()


class MemoryDisk:
    """What the handles share: the facts, the lock and the bells."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.tables: dict[str, dict[str, Record]] = {name: {} for name in TABLES}
        self.logs: dict[str, list[Row]] = {}
        self.stream: list[tuple[int, str, Row]] = []
        self.position = 0
        self.keys: dict[tuple[str, str], str] = {}
        self.inboxes: dict[str, Inbox] = {}
        self.output: list[tuple[int, LogLine]] = []
        self.lines = 0
        self.enqueued = 0
        self.bells: list[MemoryBell] = []

    def table(self, name: str, columns: Iterable[str] = ()) -> dict[str, Record]:
        """The rows of a table; ValueError where it, or one of the columns, does not exist."""
        if name not in TABLES:
            raise ValueError(f"no table {name!r}; there are {', '.join(TABLES)}")
        if unknown := set(columns) - TABLES[name].keys() - {"id"}:
            raise ValueError(f"table {name!r} has no column {', '.join(sorted(unknown))}")
        return self.tables[name]

    def claimable(self, name: str) -> dict[str, Record]:
        """The rows of a table that can be leased."""
        if name not in CLAIMABLE:
            raise ValueError(f"rows of {name!r} cannot be claimed; those of {' and '.join(CLAIMABLE)} can")
        return self.tables[name]

    def last_sequence(self, run: str) -> int:
        log = self.logs.get(run)
        return log[-1].sequence if log else 0

    def newest_letter(self, run: str) -> int:
        return self.inboxes[run].newest if run in self.inboxes else 0

    def prune(self, runs: Set[str], documents: Set[str]) -> None:
        """Delete these runs and documents, and the blobs that nobody else names."""
        theirs = [*self.texts(runs), *self._texts_of(documents)]
        self.forget(runs)
        for key in documents:
            self.tables["documents"].pop(key, None)
        suspects = _named_blobs(theirs, self.tables["blobs"])
        for blob in suspects - _named_blobs(self.texts(), suspects):
            del self.tables["blobs"][blob]

    def _texts_of(self, documents: Set[str]) -> Iterator[str]:
        rows = (self.tables["documents"].get(key) for key in documents)
        yield from (row["data"] for row in rows if row is not None and isinstance(row["data"], str))

    def texts(self, runs: Container[str] | None = None) -> Iterator[str]:
        """Every text of these runs (of all, and of the documents) that may name a blob."""
        yield from (event.body for _, run, event in self.stream if runs is None or run in runs)
        for run, inbox in self.inboxes.items():
            if runs is None or run in runs:
                yield from (letter.body for letter in inbox.letters)
        for row, owner in self._rows_and_runs():
            if (runs is None or owner in runs) and isinstance(row["data"], str):
                yield row["data"]

    def _rows_and_runs(self) -> Iterator[tuple[Record, str | None]]:
        yield from ((row, row["id"]) for row in self.tables["runs"].values())
        yield from ((row, row["run"]) for row in self.tables["queued"].values())
        yield from ((row, None) for row in self.tables["documents"].values())

    def forget(self, runs: Set[str]) -> None:
        """Delete these runs with their logs, letters, queued work and output; keys of changes stay."""
        for run in runs:
            self.tables["runs"].pop(run, None)
            self.logs.pop(run, None)
            self.inboxes.pop(run, None)
        queued = self.tables["queued"]
        self.tables["queued"] = {key: row for key, row in queued.items() if row["run"] not in runs}
        self.stream = [entry for entry in self.stream if entry[1] not in runs]
        self.output = [entry for entry in self.output if entry[1][0] not in runs]

    def ring(self, topics: Iterable[str]) -> None:
        rung = frozenset(topics)
        for bell in self.bells:
            bell.hear(rung)


def _named_blobs(texts: Iterable[str], blobs: Iterable[str]) -> set[str]:
    """Those blobs whose id occurs in one of the texts."""
    whole = "\n".join(texts)
    return {blob for blob in blobs if blob in whole}


class Commit:
    """One commit on its way: writes what `judge` accepts and gathers the topics to ring."""

    def __init__(self, disk: MemoryDisk, now: float) -> None:
        self._disk = disk
        self._now = now
        self.topics: set[str] = set()

    def apply(self, change: Change) -> Verdict:
        (verdict,) = judge([change], self._known(change))
        if isinstance(verdict, Ok):  # an equality would take a Duplicate for it: both are empty tuples
            self._write(change)
        return verdict

    def _known(self, change: Change) -> Known:
        """Copies, because `judge` notes in them what it accepts."""
        disk, rows, keys = self._disk, {}, {}
        for guard in change.guards:
            if row := disk.tables[guard.table].get(guard.key):
                rows[guard.table, guard.key] = dict(row)
        if change.key is not None and (digest := disk.keys.get((change.run, change.key))) is not None:
            keys[change.run, change.key] = digest
        return Known(rows, {change.run: disk.last_sequence(change.run)}, keys)

    def _write(self, change: Change) -> None:
        if change.key is not None:
            self._disk.keys[change.run, change.key] = change.digest
        for put in change.puts:
            self._put(put)
        if change.events:
            self._append(change.run, change.events)
        for letter in change.letters:
            self._deliver(change.run, letter)
        if change.take is not None and (inbox := self._disk.inboxes.get(change.run)):
            inbox.letters = [letter for letter in inbox.letters if letter.number > change.take]

    def _append(self, run: str, events: Sequence[Row]) -> None:
        disk = self._disk
        disk.logs.setdefault(run, []).extend(events)
        disk.stream.extend((disk.position + place, run, event) for place, event in enumerate(events, 1))
        disk.position += len(events)

    def _put(self, put: Put) -> None:
        table = self._disk.tables[put.table]
        if put.columns is None:
            table.pop(put.key, None)
            return
        old = table.get(put.key)
        row = {**(old or self._fresh(put)), **self._resolved(put.table, put.columns)}
        table[put.key] = row
        self._note(put, old or {}, row)

    def _fresh(self, put: Put) -> Record:
        row = {"id": put.key, **TABLES[put.table], "created": self._now}
        if put.table == "runs":
            row["inbox"] = self._disk.newest_letter(put.key)
        return row

    def _resolved(self, table: str, given: Columns) -> Record:
        """The columns to write: pseudo columns worked out, and what follows from a new state."""
        columns = {name: value for name, value in given.items() if name not in PSEUDO}
        if "due_in" in given:
            columns["due"] = self._now + given["due_in"]
        if "rank_minus" in given:
            self._disk.enqueued += 1
            columns["rank"] = self._disk.enqueued - given["rank_minus"]
        if columns.get("state") in ("ready", "delayed"):
            columns.setdefault("owner", None)
        if "updated" in TABLES[table]:
            columns.setdefault("updated", self._now)
        return columns

    def _note(self, put: Put, old: Columns, row: Columns) -> None:
        if put.table == "runs" and row["status"] != old.get("status"):
            self.topics.add(f"run:{put.key}")
        if put.table in CLAIMABLE and row["state"] in ("ready", "delayed"):
            self.topics.add(f"queue:{row['queue']}")

    def _deliver(self, run: str, letter: Letter) -> None:
        inbox = self._disk.inboxes.setdefault(run, Inbox())
        if letter.key in inbox.keys:
            return
        inbox.newest += 1
        inbox.letters.append(letter._replace(number=inbox.newest))
        if letter.key is not None:
            inbox.keys.add(letter.key)
        self.topics.add(f"run:{run}")
        if row := self._disk.tables["runs"].get(run):
            row["inbox"] = inbox.newest
            self.topics.add(f"owner:{row['owner']}")
