"""What `approve` and `reject` share: a decision is sent to whatever of a run waits for one."""

from __future__ import annotations

import getpass
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from penstock.cli.desk import Desk
from penstock.cli.files import load_recorded
from penstock.errors import CommandRefused, PenstockError
from penstock.model import events as e
from penstock.model.approval import APPROVAL

if TYPE_CHECKING:
    from penstock.app import Engine, Run


def deciding_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The arguments and options of both commands."""
    for option in (
        click.option("--by", help="Who decides.  [default: you]"),
        click.option("--comment", default="", help="What is said with it."),
        click.argument("asked", metavar="[NAME]", required=False),
    ):
        command = option(command)
    return command


def decide(desk: Desk, name: str, asked: str | None, *, approved: bool, by: str | None, comment: str) -> None:
    """Send the decision to a run, and say so."""
    with desk.look() as engine:
        run = engine.get(name)
        asked = asked or _asked_for(engine, run)
        by = by if by is not None else _user()
        (run.approve if approved else run.reject)(asked, by=by, comment=comment)
    if desk.as_json:
        desk.answer({"run": run.id, "approval": asked, "approved": approved, "by": by})
    else:
        word = "approved" if approved else "rejected"
        desk.say(f"run {desk.ink(run.id, 'name')}: {asked} is {word} by {by}")


def _asked_for(engine: Engine, run: Run[Any]) -> str:
    """What the run waits to be approved, or will, if that is one thing; where nothing tells, what has no name of its own."""
    from penstock.app.standing import standing_of

    try:
        definition = load_recorded(engine, run)
        engine.learn(definition)
        program, log = definition.as_program(), run.events()
        standing = standing_of(run.id, log, program)
    except PenstockError:
        return APPROVAL
    waiting = [step.signal for step in standing.having("waiting") if step.waits == "approval"]
    if not waiting:
        came = {event.name for _, _, event in log if isinstance(event, e.Signalled)}
        waiting = [name for name in getattr(program, "approvals", ()) if name not in came]
    if len(waiting) > 1:
        raise CommandRefused(f"run {run.id} asks for several approvals: name one of {', '.join(waiting)}")
    return waiting[0] if waiting else APPROVAL


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError, ImportError):  # nobody has that number
        return ""
