"""`penstock fork RUN`: a new run that reuses what another did, with a step done again, or a value or an input edited."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from penstock.cli.desk import Desk, lazily, run_argument, with_desk
from penstock.cli.remaking import edits_of, remake, remaking_options

if TYPE_CHECKING:
    from penstock.app.forks import Fork, Source


@click.command(name="fork", no_args_is_help=True)
@run_argument
@click.option(
    "--from",
    "steps",
    multiple=True,
    metavar="STEP",
    help="Run this step again, and what depends on it; may be repeated.",
    shell_complete=lazily("steps"),
)
@click.option(
    "--set",
    "pairs",
    multiple=True,
    metavar="NAME=VALUE",
    help="STEP.output=JSON gives a step that value, input.NAME=VALUE the run that input; may be repeated.",
)
@remaking_options
@with_desk
@click.pass_context
def command(
    ctx: click.Context, /, desk: Desk, name: str, steps: tuple[str, ...], pairs: tuple[str, ...], **given: Any
) -> None:
    """Start a new run that reuses the results of RUN, save those of STEP and of what depends on it.

    RUN is a run's id, a unique beginning of it, or `latest`. It stays as it is. What is not JSON is text.
    """

    def make(source: Source) -> Fork:
        return source.fork(frozenset(steps), edits_of(source.definition, pairs))

    ctx.exit(remake(desk, name, make, given))
