"""Taking up a run whose process is gone: claim it, read its log, fold it, and hand it to a driver."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from penstock.app.run import Run
from penstock.catalogue import reload
from penstock.engine.rows import event_of
from penstock.errors import CodeChanged, CommandRefused, RunNotFound, StoreCorrupt
from penstock.model import events as e
from penstock.model import machine
from penstock.model.changes import Change, Guard, Letter, Put
from penstock.model.program import Definition
from penstock.model.states import FINISHED

if TYPE_CHECKING:
    from penstock.app.engine import Engine

PAGE = 10_000
Log = list[tuple[int, float, e.Event]]


class Recovered(msgspec.Struct):
    """A run's state as its log tells it, ready to be adopted under `epoch`; `reopen` lists the failures to forgive."""

    state: machine.Run
    epoch: int
    reopen: list[int] | None


def read_events(engine: Engine, run_id: str) -> Log:
    """A run's whole log, decoded."""
    store = engine.durable_store()

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
        log.extend((row.sequence, row.at, event_of(row, engine.codec, blob)) for row in rows)
        if len(rows) < PAGE:
            break
    if not log:
        engine.status_of(run_id)
    return log


def read_outcome(engine: Engine, run_id: str) -> machine.Outcome:
    """How a finished run ended, from its log's last events."""
    for _, _, event in reversed(read_events(engine, run_id)):
        if isinstance(event, e.RunDone):
            return ("completed", event.value)
        if isinstance(event, e.RunFailed):
            return ("failed", event.error)
        if isinstance(event, e.RunCancelled):
            return ("cancelled", event.reason)
    raise CommandRefused(f"run {run_id} has not finished")


def recover(engine: Engine, run_id: str, definition: Definition | None) -> Recovered | Run[Any]:
    """Claim a run and fold its log; a finished or otherwise living one is returned as it is.

    Raises CommandRefused, CodeChanged or RunNotFound; see Engine.resume.
    """
    store = engine.durable_store()
    rows = store.get("runs", [run_id])
    if run_id not in rows:
        raise RunNotFound(f"no run {run_id!r} in {engine.address}; see `penstock runs`")
    row = rows[run_id]
    if row["status"] == "completed":
        return Run(engine, run_id, row["workflow"])
    if row["status"] == "cancelled":
        raise CommandRefused(f"run {run_id} was cancelled, which is final: start a new one")
    claims = store.claim("runs", engine.owner, ttl=engine.lease_seconds, ids=[run_id])
    if not claims and row["state"] == "done":
        store.commit(
            [
                Change(
                    run=run_id,
                    guards=[Guard("runs", run_id, {"state": "done"})],
                    puts=[Put("runs", run_id, {"state": "idle"})],
                )
            ]
        )
        claims = store.claim("runs", engine.owner, ttl=engine.lease_seconds, ids=[run_id])
    if not claims:
        return _alive(engine, run_id, row)
    try:
        return _fold(engine, run_id, definition, claims[0].epoch)
    except BaseException:
        _give_back(engine, run_id, claims[0].epoch, row["status"])
        raise


def _alive(engine: Engine, run_id: str, row: dict[str, Any]) -> Run[Any]:
    if row["status"] == "paused":
        engine.command(run_id, "resume")
        return Run(engine, run_id, row["workflow"])
    raise CommandRefused(
        f"run {run_id} is being driven by process {row['owner']}; if that process is gone, it can be resumed"
        f" {engine.lease_seconds:g} s after its last sign of life"
    )


def _give_back(engine: Engine, run_id: str, epoch: int, status: str) -> None:
    state = "done" if status in FINISHED else "ready"
    guard = Guard("runs", run_id, {"epoch": epoch, "state": "leased"})
    engine.durable_store().commit(
        [
            Change(
                run=run_id,
                guards=[guard],
                puts=[Put("runs", run_id, {"state": state, "owner": None, "due": None})],
            )
        ]
    )


def _fold(engine: Engine, run_id: str, definition: Definition | None, epoch: int) -> Recovered:
    log = read_events(engine, run_id)
    started = log[0][2]
    assert isinstance(started, e.RunStarted)
    definition = definition or reload(started.source, started.workflow)
    engine.learn(definition)
    program = definition.as_program()
    _check_same(run_id, started, program)
    log = read_events(engine, run_id)
    last = log[-1][2]
    reopen = last.blamed if isinstance(last, e.RunFailed) else None
    forgiven = machine.forgiven_in(event for _, _, event in log) | set(reopen or ())
    state = machine.fold(machine.Run(run_id, program, forgiven), log)
    return Recovered(state, epoch, reopen)


def _check_same(run_id: str, started: e.RunStarted, program: Any) -> None:
    if started.workflow != program.name:
        raise CodeChanged(
            f"run {run_id} is of workflow {started.workflow!r}; the code at hand is {program.name!r}"
        )
    if started.version and started.version != program.version:
        raise CodeChanged(
            f"run {run_id} began with another structure of {program.name!r} (then {started.version}, now {program.version}):"
            " its tasks or their order changed. Bring the code back, or start a new run"
        )


def settle_orphan(engine: Engine, run_id: str, letter: Letter) -> None:
    """A cancel for a run that nobody drives is carried out by whoever sent it: it may never be driven again."""
    if letter.kind != "cancel":
        return
    store = engine.durable_store()
    claims = store.claim("runs", engine.owner, ttl=engine.lease_seconds, ids=[run_id])
    if not claims:
        return
    log = read_events(engine, run_id)
    at = max(engine.clock.now(), log[-1][1]) if log else engine.clock.now()
    sequence = log[-1][0] if log else 0
    from penstock.engine.rows import row_of

    events: list[e.Event] = [
        e.Owned(claims[0].epoch, engine.owner),
        e.CancelAsked(letter.body),
        e.RunCancelled(letter.body),
    ]
    rows = [row_of(sequence + 1 + n, at, event, engine.codec, []) for n, event in enumerate(events)]
    put = Put("runs", run_id, {"status": "cancelled", "state": "done", "owner": None, "due": None})
    store.commit([Change(run=run_id, expect=sequence, events=rows, puts=[put], take=claims[0].inbox)])
