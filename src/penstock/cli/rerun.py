"""`penstock rerun RUN`: a new run that does again what failed, or everything."""

from __future__ import annotations

from typing import Any

import click

from penstock.cli.desk import Desk, run_argument, with_desk
from penstock.cli.remaking import remake, remaking_options


@click.command(name="rerun", no_args_is_help=True)
@run_argument
@click.option("--all", "everything", is_flag=True, help="From the beginning: nothing is reused.")
@remaking_options
@with_desk
@click.pass_context
def command(ctx: click.Context, /, desk: Desk, name: str, everything: bool, **given: Any) -> None:
    """Start a new run that does again what failed or did not end in RUN, and reuses the rest.

    RUN is a run's id, a unique beginning of it, or `latest`. It stays as it is; to go on with it itself: penstock resume.
    """
    ctx.exit(remake(desk, name, lambda source: source.rerun(everything=everything), given))
