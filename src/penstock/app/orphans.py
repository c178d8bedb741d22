"""Runs that nobody drives."""

from __future__ import annotations

from penstock.app.logs import read_events
from penstock.app.owners import is_gone
from penstock.app.parts import Parts
from penstock.engine.recovery import evict, give_back
from penstock.engine.rows import row_of
from penstock.model import events as e
from penstock.model.changes import Change, Letter, Put
from penstock.model.undoing import can_be_undone


def settle_orphan(engine: Parts, run_id: str, letter: Letter) -> None:
    """A cancel for a run that nobody drives is carried out by whoever sent it: it may never be driven again.

    One that has something to undo needs its code: it is left to whoever resumes it.
    """
    if letter.kind != "cancel":
        return
    store = engine.durable_store()
    row = store.get("runs", [run_id])[run_id]
    if row["state"] == "leased" and is_gone(row["owner"]):
        evict(store, run_id, row["owner"], row["epoch"])
    claims = store.claim("runs", engine.owner, ttl=engine.lease_seconds, ids=[run_id])
    if not claims:
        return
    log = read_events(engine, run_id)
    if can_be_undone(log):  # whoever has its code carries the cancel out, and undoes it
        give_back(store, run_id, claims[0].epoch, finished=False, length=log[-1][0])
        return
    at = max(engine.clock.now(), log[-1][1]) if log else engine.clock.now()
    sequence = log[-1][0] if log else 0
    events: list[e.Event] = [
        e.Owned(claims[0].epoch, engine.owner),
        e.CancelAsked(letter.body),
        e.RunCancelled(letter.body),
    ]
    rows = [row_of(sequence + 1 + n, at, event, engine.codec, []) for n, event in enumerate(events)]
    put = Put("runs", run_id, {"status": "cancelled", "state": "done", "owner": None, "due": None})
    store.commit([Change(run=run_id, expect=sequence, events=rows, puts=[put], take=claims[0].inbox)])
