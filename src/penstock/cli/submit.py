"""`penstock submit FILE[:NAME]`: put a run into a queue, for a worker to take."""

from __future__ import annotations

from typing import Any

import click

from penstock.cli.desk import Desk, lazily, with_desk
from penstock.cli.run import RunCommand, tags_of, values_of


@click.command(cls=RunCommand, name="submit", options_metavar="[INPUTS] [OPTIONS]", no_args_is_help=True)
@click.argument("file", metavar="FILE[:NAME]", shell_complete=lazily("files"))
@click.option("--queue", default="default", show_default=True, help="Where it waits.")
@click.option(
    "--priority", type=int, default=0, show_default=True, help="From -100 to 100: higher goes first."
)
@click.option("--delay", type=float, metavar="SECONDS", help="How long it may not be taken yet.")
@click.option("--key", help="The same key of one workflow is the same run: started once, found again.")
@click.option("--tag", "tags", multiple=True, metavar="NAME=VALUE", help="Mark the run; may be repeated.")
@click.option("--timeout", type=float, metavar="SECONDS", help="The run's time, from now.")
@click.option(
    "--input", "pairs", multiple=True, metavar="NAME=VALUE", help="An input whose name an option here has."
)
@with_desk
@click.pass_context
def command(ctx: click.Context, /, desk: Desk, **given: Any) -> None:
    """Record a run of the workflow in FILE and return; a worker drives it.

    `penstock worker` starts one. The run is pending until it is taken, and can be cancelled meanwhile.
    """
    definition = ctx.obj
    how = {name: given[name] for name in ("queue", "priority", "delay", "key", "timeout")}
    with desk.open() as engine:
        run = engine.submit(
            definition, values_of(definition, given), tags=tags_of(definition, given["tags"]), **how
        )
        status = run.status
    if desk.as_json:
        desk.answer({"run": run.id, "workflow": run.workflow, "queue": given["queue"], "status": status})
    else:
        desk.say(f"{run.workflow}  run {desk.ink(run.id, 'name')} is {status} in queue {given['queue']}")
