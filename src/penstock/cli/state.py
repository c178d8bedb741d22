"""`penstock state RUN --at NUMBER`: how a run stood as of any event of its log."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import click

from penstock.cli import closing
from penstock.cli.desk import Desk, run_argument, with_desk
from penstock.cli.documents import failure_document, value_of
from penstock.cli.files import load_file, load_recorded
from penstock.cli.text import columns
from penstock.errors import InputError, PenstockError

if TYPE_CHECKING:
    from penstock.app import Engine, Run
    from penstock.app.standing import Standing, StepStanding


@click.command(name="state", no_args_is_help=True)
@run_argument
@click.option(
    "--at",
    type=click.IntRange(min=1),
    metavar="NUMBER",
    help="As of this event of `penstock events`.  [default: the last]",
)
@click.option("--file", metavar="FILE[:NAME]", help="The workflow's code, where it is not found as recorded.")
@with_desk
def command(desk: Desk, name: str, at: int | None, file: str | None) -> None:
    """How RUN stood as of any event: its steps, what they came to, and what was waited for.

    RUN is a run's id, a unique beginning of it, or `latest`. Where its code is at hand and fits, steps are known that have no
    event yet; else the events alone tell.
    """
    from penstock.app.standing import standing_of

    with desk.look() as engine:
        run = engine.get(name)
        definition = code_of(engine, run, file)
        log = run.events()
        if at is not None and at > len(log):
            raise InputError(f"run {run.id} has {len(log)} events: --at {at} is none of them")
        program = None if definition is None else definition.as_program()
        found = standing_of(run.id, log[:at], program, outline_of(definition, log))
    if desk.as_json:
        desk.answer(_document(found))
        return
    for line in _lines(desk, found, len(log)):
        desk.say(line)


def code_of(engine: Engine, run: Run[Any], file: str | None) -> Any:
    """The definition of a run, which the engine has learned; None where its code is not at hand."""
    try:
        definition = load_file(file) if file else load_recorded(engine, run)
    except PenstockError:
        if file:
            raise
        return None
    engine.learn(definition)
    return definition


def outline_of(definition: Any, log: Any) -> Any:
    """What the definition says of its steps, for what the run was given; None if nothing."""
    from penstock.model.outline import graph_of

    try:
        return None if definition is None else graph_of(definition, log[0][2].input)
    except PenstockError:
        return None


def _document(found: Standing) -> dict[str, Any]:
    return {
        "run": found.run,
        "workflow": found.workflow,
        "sequence": found.sequence,
        "at": found.at,
        "status": found.status,
        "reason": found.reason or None,
        "cancelling": found.cancelling,
        "code": found.folded,
        "misfit": found.misfit or None,
        "steps": [_step(step) for step in found.steps.values()],
    }


def _step(step: StepStanding) -> dict[str, Any]:
    return {
        "step": step.step,
        "status": step.status,
        "attempts": step.attempts,
        "value": value_of(step.value),
        "error": failure_document(step.error) if step.error is not None else None,
        "reason": step.reason or None,
        "asked": step.asked,
        "waits_for": step.waits or None,
        "signal": step.signal or None,
        "until": step.due,
        "upstream": list(step.upstream),
        "items": dict(step.items) or None,
    }


def _lines(desk: Desk, found: Standing, events: int) -> list[str]:
    ink = desk.ink
    moment = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(found.at))
    head = (
        f"{ink(found.workflow, 'title')}  run {ink(found.run, 'name')}  {ink.sign(found.status)} {ink.status(found.status)}"
        f"  {ink(f'as of event {found.sequence} of {events}, {moment}', 'dim')}"
    )
    rows = [
        [ink.sign(step.status), step.step, ink(step.status, "dim"), _said(step, found)]
        for step in found.steps.values()
    ]
    lines = [head, "", *(f"  {line}" for line in columns(rows))]
    if not found.folded:
        why = found.misfit or "its code is not at hand"
        lines += ["", ink(f"  from the events alone: {why.splitlines()[0]}", "dim")]
    return lines


def _said(step: StepStanding, found: Standing) -> str:
    if step.status in ("completed", "reused") and step.value is not None:
        return closing.shown(step.value, 60)
    if step.error is not None:
        again = f", again at {clock(step.due)}" if step.due is not None else ""
        return f"{step.error.message or step.error.type}{again}"
    if step.reason:
        return step.reason
    if step.waits:
        name = f" {step.signal}" if step.signal else ""
        return f"for {step.waits}{name}{f' until {clock(step.due)}' if step.due is not None else ''}"
    if not step.asked:
        left = [name for name in step.upstream if _is_open(found, name)]
        return f"for {', '.join(left or step.upstream)}"
    return f"attempt {step.attempts}" if step.status == "running" and step.attempts > 1 else ""


def _is_open(found: Standing, name: str) -> bool:
    known = found.steps.get(name)
    return known is None or known.status in ("waiting", "ready", "running")


def clock(at: float) -> str:
    """A moment, with its day where that is another one."""
    day = "" if time.localtime(at)[:3] == time.localtime()[:3] else "%Y-%m-%d "
    return time.strftime(f"{day}%H:%M:%S", time.localtime(at))
