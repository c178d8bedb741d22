"""Sends a command to a run, whoever drives it, and says what will come of it."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from penstock.cli.desk import Desk, row_of
from penstock.cli.runs import is_left
from penstock.errors import StepTimeout
from penstock.model.changes import Row
from penstock.model.states import FINISHED, RunStatus

if TYPE_CHECKING:
    from penstock.app import Engine


_GOAL: Final[dict[str, RunStatus]] = {"cancel": "cancelled", "pause": "paused"}
EFFECT_SECONDS: Final = 0.3


def send(desk: Desk, name: str, kind: str, reason: str, *, wait: bool) -> None:
    """Cancel or pause a run; with `wait` return when it has taken effect."""
    with desk.look() as engine:
        run = engine.get(name)
        run_id = run.id
        if run.status != _GOAL[kind]:
            engine.command(run_id, kind, reason)
        if wait:
            _await_quiet(engine, run_id)
        elif not is_left(row_of(engine, run)):
            _await_effect(engine, run_id, _GOAL[kind])
        row = row_of(engine, run)
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
        desk.say(f"run {ink(run_id, 'name')} was told to {kind}; its running steps end first")
    if kind == "pause" and status not in FINISHED:
        desk.say(f"  {ink('go on', 'dim')}   {desk.command('resume', run_id)}")


def _await_effect(engine: Engine, run_id: str, goal: RunStatus) -> None:
    """A moment, in which most runs do as they are told; a step that cannot be stopped takes its time."""
    with suppress(StepTimeout):
        engine.wait_for(run_id, {goal, *FINISHED}, EFFECT_SECONDS)


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
