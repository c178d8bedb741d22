"""Runs' logs as the store has them, whoever drives the runs."""

from __future__ import annotations

from penstock.app.parts import Parts
from penstock.engine.recovery import Log, read_end, read_log, read_page
from penstock.errors import CommandRefused, RunNotFound
from penstock.model import events as e
from penstock.model import machine


def read_events(engine: Parts, run_id: str, after: int = 0) -> Log:
    """A run's log, decoded: what follows that event, left out all of it, of which there must be some. Raises RunNotFound."""
    log = read_log(engine.durable_store(), engine.codec, run_id, after)
    if not log and not after:
        raise_unless_known(engine, run_id)
    return log


def read_start(engine: Parts, run_id: str) -> e.RunStarted:
    """The first event of a run's log. Raises RunNotFound."""
    page = read_page(engine.durable_store(), engine.codec, run_id, 0, 1)
    if not page:
        raise_unless_known(engine, run_id)
    ((_, _, started),) = page
    assert isinstance(started, e.RunStarted)
    return started


def raise_unless_known(engine: Parts, run_id: str) -> None:
    """Raise RunNotFound if the store holds no such run."""
    if run_id not in engine.durable_store().get("runs", [run_id]):
        raise RunNotFound(f"no run {run_id!r} in {engine.address}; see `penstock runs`")


def read_outcome(engine: Parts, run_id: str) -> machine.Outcome:
    """How a finished run ended. Raises RunNotFound, and CommandRefused for one that has not finished."""
    match read_end(engine.durable_store(), engine.codec, run_id):
        case e.RunDone(value):
            return ("completed", value)
        case e.RunFailed(error):
            return ("failed", error)
        case e.RunCancelled(reason):
            return ("cancelled", reason)
    raise_unless_known(engine, run_id)
    raise CommandRefused(f"run {run_id} has not finished")
