"""`penstock why RUN [STEP]`: why it does not go on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from penstock.cli.desk import Desk, lazily, run_argument, with_desk
from penstock.cli.state import code_of

if TYPE_CHECKING:
    from penstock.app.causes import Cause


@click.command(name="why", no_args_is_help=True)
@run_argument
@click.argument("step", metavar="[STEP]", required=False, shell_complete=lazily("steps"))
@click.option("--file", metavar="FILE[:NAME]", help="The workflow's code, where it is not found as recorded.")
@with_desk
def command(desk: Desk, name: str, step: str | None, file: str | None) -> None:
    """Say why RUN does not go on, or why STEP of it does not: what it waits for, who is in the way, until when.

    RUN is a run's id, a unique beginning of it, or `latest`.
    """
    from penstock.app.inquiring import why

    with desk.look() as engine:
        run = engine.get(name)
        causes = why(engine, run.id, step, code_of(engine, run, file))
        status = run.status
    if desk.as_json:
        desk.answer(
            {"run": run.id, "step": step, "status": status, "causes": [_document(each) for each in causes]}
        )
        return
    ink = desk.ink
    desk.say(
        f"{ink(run.workflow, 'title')}  run {ink(run.id, 'name')}  {ink.sign(status)} {ink.status(status)}"
    )
    desk.say()
    for each in causes:
        desk.say(f"  {each.text}")


def _document(cause: Cause) -> dict[str, Any]:
    return {
        "kind": cause.kind,
        "step": cause.step,
        "until": cause.until,
        "runs": list(cause.runs),
        "steps": list(cause.steps),
        "text": cause.text,
    }
