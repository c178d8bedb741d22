"""Runs whose code has changed, and that go on as new ones: these reuse what did not change and depends on no change."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from penstock.app.changes import ITSELF, StepChange
from penstock.app.forks import Fork, Place, Source, change_of, source_run
from penstock.app.reusing import Cut, results_of, undone_in
from penstock.engine.recovery import claim_run
from penstock.engine.rows import row_of
from penstock.errors import CommandRefused
from penstock.model import events as e
from penstock.model.changes import Change, Guard, Ok, Put
from penstock.model.program import Definition, Dependent

if TYPE_CHECKING:
    from penstock.app.forking import Forking
    from penstock.app.parts import Parts


def stale_steps(
    changes: Iterable[StepChange], names: Iterable[str], *, planned: bool
) -> frozenset[str] | None:
    """The steps to run again, of those that a run had; None: all of them. Pure.

    A program that is `planned` knows its steps. Of any other a step's later calls are named with numbers, and where the
    function itself has changed, what it calls its steps with may have.
    """
    stale = {each.step for each in changes if each.fate != "removed"}
    if planned:
        return frozenset(stale)
    if ITSELF in stale:
        return None
    return frozenset(name for name in names if _base(name) in stale)


def _base(name: str) -> str:
    head, _, tail = name.rpartition("-")
    return head if head and tail.isdecimal() else name


def begin_anew(
    engine: Forking,
    run_id: str,
    definition: Definition,
    changes: Iterable[StepChange],
    *,
    epoch: int | None = None,
    place: Place | None = None,
) -> str:
    """The id of a new run that reuses of this one what did not change and depends on no change.

    Nobody drives it yet; in a `place` it waits for a worker. The other is set aside in the same commit: paused, if it was under
    way. `epoch` is that of the lease on it, where it was claimed already. Raises CommandRefused if somebody drives it.
    """
    store = engine.durable_store()
    epoch = epoch if epoch is not None else claim_run(store, engine.owner, engine.lease_seconds, run_id)
    if epoch is None:
        raise _driven(run_id)
    source = source_run(engine, run_id, definition)
    fork = _fork_of(source, changes)
    fresh = engine.fresh_id()
    aside = _set_aside(engine, source, epoch, f"its code changed: it goes on as run {fresh}")
    instead = change_of(engine, fresh, fork, place)
    instead.guards = [*instead.guards, Guard("runs", run_id, {"epoch": epoch, "owner": None})]
    if any(not isinstance(verdict, Ok) for verdict in store.commit([aside, instead])):
        raise _driven(run_id)
    return fresh


def _driven(run_id: str) -> CommandRefused:
    return CommandRefused(f"run {run_id} is being driven; when its process is gone it can go on in a new run")


def _fork_of(source: Source, changes: Iterable[StepChange]) -> Fork:
    made = results_of(source.run, source.program, source.log)
    steps = stale_steps(changes, made, planned=isinstance(source.program, Dependent))
    cut = Cut(everything=True) if steps is None else Cut(steps | undone_in(source.log))
    return Fork(source, source.started.input, {} if steps is None else made, cut)


def _set_aside(engine: Parts, source: Source, epoch: int, reason: str) -> Change:
    """What pauses a run that was claimed under that epoch, because another takes its place; one that failed stays as it is."""
    last = source.log[-1]
    columns: dict[str, Any] = {"state": "idle", "owner": None, "due": None}
    events: list[e.Event] = []
    if isinstance(last[2], e.RunFailed):
        columns["state"] = "done"
    elif not _is_paused(source):
        events = [e.Owned(epoch, engine.owner), e.Paused(reason)]
        columns["status"] = "paused"
    at = max(engine.clock.now(), last[1])
    rows = [row_of(last[0] + 1 + number, at, event, engine.codec, []) for number, event in enumerate(events)]
    guard = Guard("runs", source.run, {"epoch": epoch, "state": "leased"})
    return Change(source.run, last[0], rows, [Put("runs", source.run, columns)], [guard])


def _is_paused(source: Source) -> bool:
    orders = [event for _, _, event in source.log if isinstance(event, e.Paused | e.Resumed)]
    return bool(orders) and isinstance(orders[-1], e.Paused)
