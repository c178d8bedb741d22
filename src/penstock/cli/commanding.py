"""Sends a command to a run, whoever drives it, and says what will come of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from penstock.cli.desk import Desk
from penstock.cli.runs import is_left
from penstock.model.changes import Row
from penstock.model.states import FINISHED

if TYPE_CHECKING:
    from penstock.app import Engine


def send(desk: Desk, name: str, kind: str, reason: str, *, wait: bool) -> None:
    """Cancel or pause a run; with `wait` return when it has taken effect."""
    with desk.look() as engine:
        run_id = engine.get(name).id
        engine.command(run_id, kind, reason)
        if wait:
            _await_quiet(engine, run_id)
        row = engine.durable_store().get("runs", [run_id])[run_id]
    if desk.as_json:
        desk.answer({"run": run_id, "command": kind, "status": row["status"]})
        return
    ink = desk.ink
    status = row["status"]
    if status in FINISHED or status == "paused":
        desk.say(f"run {ink(run_id, 'name')} is {ink.status(status)}")
    elif is_left(row):
        desk.say(f"run {ink(run_id, 'name')} is not being driven; it will {kind} when it is resumed")
    else:
        desk.say(f"run {ink(run_id, 'name')} was told to {kind}")
    if kind == "pause" and status not in FINISHED:
        desk.say(f"  {ink('go on', 'dim')}   {desk.command('resume', run_id)}")


def _await_quiet(engine: Engine, run_id: str) -> None:
    """Until the run has finished, or is paused with no step running."""
    from penstock.cli.following import follow

    store = engine.durable_store()

    def read(after: int) -> Sequence[Row]:
        return store.read(run_id, after, 1_000)

    paused = False
    for row in follow(engine, run_id, read):
        if row.kind in ("paused", "resumed"):
            paused = row.kind == "paused"
        if paused and row.kind == "noted" and '"quiet"' in row.body:
            return
