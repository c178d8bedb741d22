"""Taking up a run whose process is gone: claim it, read its log, fold it, and hand it to a driver."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from penstock.app.owners import is_gone
from penstock.app.run import Run
from penstock.catalogue import reload
from penstock.engine.recovery import Log, Recovered, claim_run, evict, give_back, read_log, read_page, take_up
from penstock.errors import CodeChanged, CommandRefused, RunNotFound
from penstock.model import events as e
from penstock.model import machine
from penstock.model.changes import Change, Letter, Put
from penstock.model.program import Definition
from penstock.model.states import FINISHED

if TYPE_CHECKING:
    from penstock.app.engine import Engine
    from penstock.app.parts import Parts


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
    if row["state"] == "leased" and is_gone(row["owner"]):
        evict(store, run_id, row["owner"], row["epoch"])
    epoch = claim_run(store, engine.owner, engine.lease_seconds, run_id)
    if epoch is None:
        return _alive(engine, run_id, row)
    try:
        recovered, length = _fold(engine, run_id, definition, epoch)
    except BaseException:
        give_back(store, run_id, epoch, finished=row["status"] in FINISHED)
        raise
    if recovered is None:
        give_back(store, run_id, epoch, finished=True, length=length)
        return Run(engine, run_id, row["workflow"])
    return recovered


def _alive(engine: Engine, run_id: str, row: dict[str, Any]) -> Run[Any]:
    if row["status"] == "paused":
        engine.command(run_id, "resume")
        return Run(engine, run_id, row["workflow"])
    raise CommandRefused(
        f"run {run_id} is being driven by process {row['owner']}; if that process is gone, it can be resumed"
        f" {engine.lease_seconds:g} s after its last sign of life"
    )


def _fold(
    engine: Engine, run_id: str, definition: Definition | None, epoch: int
) -> tuple[Recovered | None, int]:
    ((_, _, started),) = read_page(engine.durable_store(), engine.codec, run_id, 0, 1)
    assert isinstance(started, e.RunStarted)
    definition = definition or reload(started.source, started.workflow)
    engine.learn(definition)
    program = definition.as_program()
    _check_same(run_id, started, program)
    log = read_events(engine, run_id)
    return take_up(log, run_id, program, epoch, reopen=True), log[-1][0]


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


def settle_orphan(engine: Parts, run_id: str, letter: Letter) -> None:
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
