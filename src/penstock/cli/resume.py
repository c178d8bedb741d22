"""`penstock resume RUN`: go on with a run where its log ends, and watch it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import click

from penstock.cli.board import Board
from penstock.cli.desk import Desk, executor_option, profile_option, run_argument, with_desk
from penstock.cli.driving import Manner, drive
from penstock.cli.files import load_file, load_recorded
from penstock.cli.guessing import OneOf

if TYPE_CHECKING:
    from penstock.app import Engine, Run


@click.command(name="resume", no_args_is_help=True)
@run_argument
@click.option("--file", metavar="FILE[:NAME]", help="The workflow's code, where it is not found as recorded.")
@click.option("-q", "--quiet", is_flag=True, help="Print the result and nothing else.")
@click.option("-v", "--verbose", is_flag=True, help="Show what steps print, as they print it.")
@profile_option
@click.option("--durability", type=OneOf(["power", "crash"]), help="See `penstock run`.")
@executor_option
@click.option(
    "--on-change",
    type=OneOf(["continue", "refuse", "new_run"]),
    help="Where its code has changed: go on, do not, or go on in a new run that reuses what depends on no change.",
)
@with_desk
@click.pass_context
def command(ctx: click.Context, /, desk: Desk, name: str, file: str | None, **given: Any) -> None:
    """Go on with RUN: one that was interrupted or killed, that failed, or that is paused.

    RUN is a run's id, a unique beginning of it, or `latest`. Steps that are done are not run again. A paused run whose
    process is alive goes on there, and is watched from here.
    """
    with desk.look() as engine:
        run = engine.get(name)
        finished = run.status in ("completed", "cancelled")
        definition = None if finished else load_file(file) if file else load_recorded(engine, run)

    def begin(engine: Engine, board: Board) -> Run[Any]:
        goes_on, changes, _ = engine.minded(run.id, definition, given["on_change"])
        if goes_on != run.id and not (desk.as_json or given["quiet"]):
            desk.say(
                f"the code of run {run.id[:8]} has changed: it goes on as run {desk.ink(goes_on, 'name')}"
            )
        last = _catch_up(engine, board, goes_on, run.workflow)
        if not finished:
            board.sit_down(time.time())
        resumed = engine.resume(goes_on, definition, wait=True, on_change="continue" if changes else None)
        if not resumed.over and not finished:
            _watch(engine, resumed, last)
        return resumed

    manner = Manner(quiet=given["quiet"], verbose=given["verbose"], profile=given["profile"])
    options = {"durability": given["durability"], "executor": given["executor"]}
    ctx.exit(drive(desk, manner, definition, begin, **options))


def _catch_up(engine: Engine, board: Board, run_id: str, workflow: str) -> int:
    last = 0
    for last, at, event in engine.events_of(run_id):
        board.recorded(run_id, workflow, last, at, event)
    return last


def _watch(engine: Engine, run: Run[Any], last: int) -> None:
    """Another process drives it: tell our observers what it records."""
    from penstock.app.interrupts import Interruptible
    from penstock.cli.following import follow
    from penstock.engine.recovery import read_page

    def read(after: int) -> Any:
        return read_page(engine.durable_store(), engine.codec, run.id, after, 1_000)

    with Interruptible():
        for sequence, at, event in follow(engine, run.id, read, last):
            for observer in engine.observers:
                observer.recorded(run.id, run.workflow, sequence, at, event)
