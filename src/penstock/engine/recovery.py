"""Taking up a run: claim it, read its log, fold it. What is done with the state is a driver's affair."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import Final

import msgspec

from penstock.engine.rows import event_of
from penstock.errors import CommandRefused, LeaseLost, StoreCorrupt
from penstock.model import events as e
from penstock.model import machine
from penstock.model.changes import Change, Guard, Put, Row
from penstock.model.program import Program
from penstock.model.states import FINISHED
from penstock.ports import Codec, Store

PAGE = 10_000
_ENDS: Final = frozenset(e.KIND_OF[kind] for kind in e.FINAL)

Log = list[tuple[int, float, e.Event]]


class Recovered(msgspec.Struct):
    """A run's state as its log tells it, ready to be adopted under `epoch`; `reopen` lists the failures to forgive."""

    state: machine.Run
    epoch: int
    reopen: list[int] | None


def read_log(store: Store, codec: Codec, run_id: str, after: int = 0) -> Log:
    """A run's log, decoded: what follows that event, left out all of it."""
    log: Log = []
    while page := read_page(store, codec, run_id, log[-1][0] if log else after, PAGE):
        log.extend(page)
        if len(page) < PAGE:
            break
    return log


def read_page(store: Store, codec: Codec, run_id: str, after: int, limit: int) -> Log:
    """So many events of a run's log, decoded."""
    blob = partial(_blob, store, run_id)
    rows = store.read(run_id, after, limit)
    return [(row.sequence, row.at, event_of(row, codec, blob)) for row in rows]


def read_end(store: Store, codec: Codec, run_id: str) -> e.Event | None:
    """The event with which a run ended last; None: it did not. Of the others nothing is decoded, nor are their blobs read."""
    end: Row | None = None
    after: int | None = 0
    while after is not None:
        rows = store.read(run_id, after, PAGE)
        end = next((row for row in reversed(rows) if row.kind in _ENDS), end)
        after = rows[-1].sequence if len(rows) == PAGE else None
    return None if end is None else event_of(end, codec, partial(_blob, store, run_id))


def _blob(store: Store, run_id: str, digest: str) -> bytes:
    rows = store.get("blobs", [digest])
    if digest not in rows:
        raise StoreCorrupt(
            f"run {run_id} speaks of blob {digest}, which the store does not hold; restore a backup"
        )
    data: bytes = rows[digest]["data"]
    return data


def refold(run_id: str, program: Program, log: Log, reopen: Iterable[int] = ()) -> machine.Run:
    """The state that a log tells, with all failures forgiven that it forgives and those to `reopen` now."""
    forgiven = machine.forgiven_in(event for _, _, event in log) | set(reopen)
    return machine.fold(machine.Run(run_id, program, forgiven), log)


def claim_run(store: Store, owner: str, ttl: float, run_id: str) -> int | None:
    """Lease one run, also one that has finished; its epoch, or None if somebody has it."""
    claims = store.claim("runs", owner, ttl=ttl, ids=[run_id])
    if not claims:
        guard = Guard("runs", run_id, {"state": "done"})
        store.commit([Change(run=run_id, guards=[guard], puts=[Put("runs", run_id, {"state": "idle"})])])
        claims = store.claim("runs", owner, ttl=ttl, ids=[run_id])
    return claims[0].epoch if claims else None


def evict(store: Store, run_id: str, owner: str, epoch: int) -> None:
    """End the lease of an engine whose process is known to be gone, so that nobody waits for it to lapse."""
    guard = Guard("runs", run_id, {"owner": owner, "epoch": epoch, "state": "leased"})
    put = Put("runs", run_id, {"state": "ready", "owner": None, "due": None})
    store.commit([Change(run=run_id, guards=[guard], puts=[put])])


def give_back(store: Store, run_id: str, epoch: int, *, finished: bool, length: int | None = None) -> None:
    """End a lease that was not used: others may have the run at once, if it can go on at all.

    `length` is that of the log by which it was judged: if the log went on, the lease is left to lapse. Somebody may have
    reopened the run meanwhile, and what is marked as done nobody takes up.
    """
    guard = Guard("runs", run_id, {"epoch": epoch, "state": "leased"})
    put = Put("runs", run_id, {"state": "done" if finished else "ready", "owner": None, "due": None})
    store.commit([Change(run=run_id, expect=length, guards=[guard], puts=[put])])


def take_up(log: Log, run_id: str, program: Program, epoch: int, *, reopen: bool) -> Recovered | None:
    """The state of a run that was claimed, to be adopted. None if it has finished and is not to be reopened.

    It may have finished after it was claimed: the engine that had it before does not know of the claim until it is refused.
    Raises CommandRefused if it is to be reopened and was undone, and LeaseLost if the claim took so long to get here that
    somebody else owns the run under a newer one.
    """
    newest = max(event.epoch for _, _, event in log if type(event) is e.RunStarted or type(event) is e.Owned)
    if newest >= epoch:
        raise LeaseLost(
            f"run {run_id} was claimed under epoch {epoch}, and has an owner under epoch {newest}"
        )
    last = log[-1][2]
    forgive = last.blamed if reopen and isinstance(last, e.RunFailed) else None
    if forgive is not None and isinstance(last, e.RunFailed) and last.undone:
        raise CommandRefused(f"run {run_id} failed, and what it had done was undone: start a new run")
    state = refold(run_id, program, log, forgive or ())
    if state.status in FINISHED and forgive is None:
        return None
    state.epoch = epoch
    return Recovered(state, epoch, forgive)
