"""Where batches become durable: one commit for all appends that wait at one moment in one process.

A driver commits inline when it has nothing else in flight, which saves a hand-over, and hands batches to the writer's thread
otherwise. Several drivers share one journal, so that their batches share commits. A commit whose reply was lost is tried again;
a conflict with rows that are our own is success. A run whose rows are refused has lost its lease: the driver is told.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from queue import SimpleQueue
from typing import Any, Protocol

from penstock.engine.lanes import Batch
from penstock.engine.observing import tell
from penstock.engine.rows import row_of
from penstock.errors import StoreError, StoreUnavailable
from penstock.model import events as e
from penstock.model.changes import Change, Duplicate, Guard, Ok, Put, Row, Verdict
from penstock.model.machine import Run
from penstock.ports import Codec, Observer, Store, Transaction

Applied = Callable[[Batch, "list[Run] | BaseException"], None]

TRY_ONCE, TRY_SECONDS = -1.0, 60.0
"""How long an unavailable store is tried before the error reaches the caller."""


class Journal(Protocol):
    """What a driver needs of the place where batches go."""

    durable: bool

    def text(self, value: Any) -> str | None: ...
    def commit(self, batch: Batch) -> list[Run]:
        """Append a batch's rows and return when they are durable: the runs whose rows were refused."""

    def commit_at_once(self, batch: Batch) -> list[Run]:
        """The same, for threads that must not wait. Raises StoreUnavailable; then `put` it."""

    def put(self, batch: Batch, applied: Applied) -> None:
        """The same in the writer's thread; `applied` is called there."""


class DurableJournal:
    """See Journal. `owner` and `ttl` are those of the leases of runs that begin here."""

    durable = True

    def __init__(self, store: Store, codec: Codec, observers: list[Observer], owner: str, ttl: float) -> None:
        self.store = store
        self._codec = codec
        self._observers = observers
        self._owner = owner
        self._ttl = ttl
        self._queue: SimpleQueue[tuple[Batch, Applied] | None] = SimpleQueue()
        self._thread: threading.Thread | None = None
        self._starting = threading.Lock()
        self.text = codec.encode
        self.monotonic = time.monotonic
        self.nap: Callable[[float], None] = time.sleep

    def commit(self, batch: Batch) -> list[Run]:
        return self._write([batch])[0]

    def commit_at_once(self, batch: Batch) -> list[Run]:
        return self._write([batch], TRY_ONCE)[0]

    def put(self, batch: Batch, applied: Applied) -> None:
        if self._thread is None:
            self._start()
        self._queue.put((batch, applied))

    def settle(self, seconds: float) -> None:
        """Wait until what was handed over is written, so many seconds at most."""
        if self._thread is not None:
            written = threading.Event()
            self.put(Batch(0, [], [], [], []), lambda *_: written.set())
            written.wait(seconds)

    def close(self) -> None:
        """Write what waits and end the writer."""
        if self._thread is not None:
            self._queue.put(None)
            self._thread.join()
            self._thread = None

    def _start(self) -> None:
        with self._starting:
            if self._thread is None:
                thread = threading.Thread(target=self._serve, name="penstock-writer", daemon=True)
                thread.start()
                self._thread = thread

    def _serve(self) -> None:
        while (first := self._queue.get()) is not None:
            waiting = [first]
            while not self._queue.empty():
                following = self._queue.get()
                if following is None:
                    self._queue.put(None)
                    break
                waiting.append(following)
            self._serve_all(waiting)

    def _serve_all(self, waiting: list[tuple[Batch, Applied]]) -> None:
        try:
            refused: Sequence[list[Run] | BaseException] = self._write([batch for batch, _ in waiting])
        except Exception as error:
            refused = [error] * len(waiting)
        for (batch, applied), runs in zip(waiting, refused, strict=True):
            applied(batch, runs)

    def _write(self, batches: list[Batch], seconds: float = TRY_SECONDS) -> list[list[Run]]:
        """One commit for all; for each batch the runs that were refused."""
        merged, owners = self._changes(batches)
        try:
            verdicts = self._commit(merged, seconds, any(batch.tried for batch in batches)) if merged else []
        except BaseException as error:
            if seconds == TRY_ONCE and isinstance(error, StoreUnavailable):
                batches[0].tried = True
                raise
            for run in owners:
                run.lost = True
            raise
        for run, verdict in zip(owners, verdicts, strict=True):
            run.lost = not isinstance(verdict, Ok | Duplicate)
        for batch in batches:
            self.tell(batch)
        return [list({row[0]: None for row in batch.rows if row[0].lost}) for batch in batches]

    def _changes(self, batches: list[Batch]) -> tuple[list[Change], list[Run]]:
        """One change a run. What follows refused rows is not tried: it might fit the log of the next owner by chance."""
        changes: dict[Run, tuple[Run, Change, list[Row], list[Put]]] = {}
        for batch in batches:
            for run, sequence, at, event in batch.rows:
                if run.lost:
                    continue
                entry = changes.get(run)
                if entry is None:
                    rows: list[Row] = []
                    puts: list[Put] = []
                    entry = changes[run] = (run, Change(run.id, sequence - 1, rows, puts), rows, puts)
                entry[2].append(row_of(sequence, at, event, self._codec, entry[3]))
                if type(event) in _STATUS:
                    self._status(entry[1], entry[3], run, event)
            for run, letter in batch.takes:
                if run in changes:
                    changes[run][1].take = letter
            for run, put in batch.puts:
                if run in changes:
                    changes[run][3].append(put)
            slots = [step.slot for step in batch.starts if step.slot is not None] + batch.frees
            for slot in (
                slots
            ):  # who has lost its slots records neither that a step under a limit begins nor that it ends
                run = slot.asked.step.run
                if run in changes and slot.guard is not None:
                    changes[run][1].guards = [*changes[run][1].guards, slot.guard]
        for run, change, _, _ in changes.values():  # nor anything of a run that holds one as a whole
            if (doors := run.doors) is not None:
                change.guards = [*change.guards, *doors.guards]
        return [entry[1] for entry in changes.values()], [entry[0] for entry in changes.values()]

    def _status(self, change: Change, puts: list[Put], run: Run, event: e.Event) -> None:
        """The run's row, written only when its state changes."""
        columns: dict[str, Any] = {"status": _STATUS[type(event)] or run.status}
        if type(event) is e.RunStarted:
            columns |= {
                "workflow": run.workflow,
                "tags": _text(event.tags),
                "data": _text({"source": event.source}),
            }
            columns |= {"state": "leased", "owner": self._owner, "epoch": event.epoch, "due_in": self._ttl}
            if event.epoch == 1:
                change.guards = [Guard("runs", run.id, None)]
        elif type(event) in e.FINAL:
            columns |= {"state": "done", "owner": None, "due": None}
        elif type(event) is e.RunReopened:
            columns |= {"state": "leased", "owner": self._owner, "due_in": self._ttl}
        puts.append(Put("runs", run.id, columns))

    def write_within(self, transaction: Transaction, batch: Batch) -> bool:
        """Append a batch's rows in a transaction that is open. False if any were refused: then it is to be undone."""
        changes, owners = self._changes([batch])
        for run, verdict in zip(owners, transaction.write(changes), strict=True):
            run.lost = not isinstance(verdict, Ok)
        return not any(run.lost for run in owners)

    def tell(self, batch: Batch) -> None:
        """Tell observers of a batch that is written."""
        if self._observers:
            tell(self._observers, [row for row in batch.rows if not row[0].lost])

    def _commit(self, changes: list[Change], seconds: float, tried: bool) -> list[Verdict]:
        """Commit, however often the store has to be asked."""
        deadline = self.monotonic() + seconds
        nap = 0.005
        while True:
            try:
                verdicts = self.store.commit(changes)
                return self._settled(changes, verdicts) if tried else verdicts
            except StoreUnavailable:
                tried = True
                if self.monotonic() > deadline:
                    raise
                self.nap(nap)
                nap = min(nap * 2, 0.5)

    def _settled(self, changes: list[Change], verdicts: list[Verdict]) -> list[Verdict]:
        """After a lost reply: a conflict with our own rows means that they were written the first time."""
        return [
            Ok() if not isinstance(verdict, Ok) and self._is_ours(change) else verdict
            for change, verdict in zip(changes, verdicts, strict=True)
        ]

    def _is_ours(self, change: Change) -> bool:
        assert change.expect is not None
        try:
            return self.store.read(change.run, change.expect, len(change.events)) == list(change.events)
        except StoreError:
            return False


_STATUS: dict[type, str] = {
    e.RunStarted: "running",
    e.Owned: "",  # as it was, save that what was pending is running now
    e.Paused: "paused",
    e.Resumed: "running",
    e.RunReopened: "running",
    e.RunDone: "completed",
    e.RunFailed: "failed",
    e.RunCancelled: "cancelled",
}


def _text(value: Any) -> str:
    import msgspec

    return msgspec.json.encode(value).decode()
