"""Reading a run back from the store: its log, decoded, and its state, folded."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from penstock.engine.rows import event_of
from penstock.errors import StoreCorrupt
from penstock.model import events as e
from penstock.model import machine
from penstock.model.program import Program
from penstock.ports import Codec, Store

PAGE = 10_000
Log = list[tuple[int, float, e.Event]]


class Recovered(msgspec.Struct):
    """A run's state as its log tells it, ready to be adopted under `epoch`; `reopen` lists the failures to forgive."""

    state: machine.Run
    epoch: int
    reopen: list[int] | None


def read_log(store: Store, codec: Codec, run_id: str) -> Log:
    """A run's whole log, decoded."""

    def blob(digest: str) -> bytes:
        rows = store.get("blobs", [digest])
        if digest not in rows:
            raise StoreCorrupt(
                f"run {run_id} speaks of blob {digest}, which the store does not hold; restore a backup"
            )
        data: bytes = rows[digest]["data"]
        return data

    log: Log = []
    while rows := store.read(run_id, log[-1][0] if log else 0, PAGE):
        log.extend((row.sequence, row.at, event_of(row, codec, blob)) for row in rows)
        if len(rows) < PAGE:
            break
    return log


def refold(run_id: str, program: Program, log: Log, reopen: Iterable[int] = ()) -> machine.Run:
    """The state that a log tells, with all failures forgiven that it forgives and those to `reopen` now."""
    forgiven = machine.forgiven_in(event for _, _, event in log) | set(reopen)
    return machine.fold(machine.Run(run_id, program, forgiven), log)
