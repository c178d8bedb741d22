"""Taking up a run whose process is gone: claim it, read its log, fold it, and hand it to a driver."""

from __future__ import annotations

from typing import Any

from penstock.app.changes import codes_in
from penstock.app.commanding import Commanding
from penstock.app.logs import read_events, read_start
from penstock.app.owners import is_gone
from penstock.app.run import Run
from penstock.catalogue import reload
from penstock.engine.recovery import Log, Recovered, claim_run, evict, give_back, take_up
from penstock.errors import CodeChanged, CommandRefused, Nondeterminism, RunNotFound
from penstock.model import events as e
from penstock.model.program import Definition, Program
from penstock.model.states import FINISHED


def recover(
    engine: Commanding, run_id: str, definition: Definition | None, *, rouse: bool = True
) -> Recovered | Run[Any]:
    """Claim a run and fold its log; a finished or otherwise living one is returned as it is.

    `rouse` ends the pause of one that lives elsewhere.

    Raises CommandRefused, CodeChanged or RunNotFound; see Engine.resume.
    """
    store = engine.durable_store()
    rows = store.get("runs", [run_id])
    if run_id not in rows:
        raise RunNotFound(f"no run {run_id!r} in {engine.address}; see `penstock runs`")
    row = rows[run_id]
    if row["status"] == "completed":
        return engine.handle(row)
    if row["status"] == "cancelled":
        raise CommandRefused(f"run {run_id} was cancelled, which is final: start a new one")
    if row["state"] == "leased" and is_gone(row["owner"]):
        evict(store, run_id, row["owner"], row["epoch"])
    epoch = claim_run(store, engine.owner, engine.lease_seconds, run_id)
    if epoch is None:
        return _alive(engine, run_id, row, rouse=rouse)
    try:
        recovered, length = _fold(engine, run_id, definition, epoch)
    except BaseException:
        give_back(store, run_id, epoch, finished=row["status"] in FINISHED)
        raise
    if recovered is None:
        give_back(store, run_id, epoch, finished=True, length=length)
        return engine.handle(row)
    return recovered


def _alive(engine: Commanding, run_id: str, row: dict[str, Any], *, rouse: bool) -> Run[Any]:
    if row["status"] == "paused" and rouse:
        engine.command(run_id, "resume")
        return engine.handle(row)
    raise CommandRefused(
        f"run {run_id} is being driven by process {row['owner']}; if that process is gone, it can be resumed"
        f" {engine.lease_seconds:g} s after its last sign of life"
    )


def _fold(
    engine: Commanding, run_id: str, definition: Definition | None, epoch: int
) -> tuple[Recovered | None, int]:
    started = read_start(engine, run_id)
    definition = definition or reload(started.source, started.workflow)
    engine.learn(definition)
    program = definition.as_program()
    log = read_events(engine, run_id)
    check_same(run_id, log, program)
    try:
        return take_up(log, run_id, program, epoch, reopen=True), log[-1][0]
    except Nondeterminism as error:
        error.add_note(
            "the code has changed since, or reads a clock or chance: bring it back, or start a new run;"
            " `penstock replay FILE` says of every run whether the code at hand fits it"
        )
        raise


def check_same(run_id: str, log: Log, program: Program) -> None:
    """Raise CodeChanged if a run is of another workflow, or began with another structure of it.

    One that was only submitted has not begun.
    """
    started, version = log[0][2], codes_in(log).version
    assert isinstance(started, e.RunStarted)
    if started.workflow != program.name:
        raise CodeChanged(
            f"run {run_id} is of workflow {started.workflow!r}; the code at hand is {program.name!r}"
        )
    has_begun = started.epoch > 0 or len(log) > 1
    if has_begun and version and version != program.version:
        raise CodeChanged(
            f"run {run_id} began with another structure of {program.name!r} (then {version}, now {program.version}):"
            " its tasks or their order changed. Bring the code back, or start a new run"
        )
