"""Runs' logs as the store has them, whoever drives the runs."""

from __future__ import annotations

from penstock.app.parts import Parts
from penstock.engine.recovery import Log, read_log
from penstock.errors import CommandRefused, RunNotFound
from penstock.model import events as e
from penstock.model import machine


def read_events(engine: Parts, run_id: str) -> Log:
    """A run's whole log, decoded. Raises RunNotFound."""
    log = read_log(engine.durable_store(), engine.codec, run_id)
    if not log:
        raise_unless_known(engine, run_id)
    return log


def raise_unless_known(engine: Parts, run_id: str) -> None:
    """Raise RunNotFound if the store holds no such run."""
    if run_id not in engine.durable_store().get("runs", [run_id]):
        raise RunNotFound(f"no run {run_id!r} in {engine.address}; see `penstock runs`")


def read_outcome(engine: Parts, run_id: str) -> machine.Outcome:
    """How a finished run ended, from its log's last events."""
    for _, _, event in reversed(read_events(engine, run_id)):
        if isinstance(event, e.RunDone):
            return ("completed", event.value)
        if isinstance(event, e.RunFailed):
            return ("failed", event.error)
        if isinstance(event, e.RunCancelled):
            return ("cancelled", event.reason)
    raise CommandRefused(f"run {run_id} has not finished")
