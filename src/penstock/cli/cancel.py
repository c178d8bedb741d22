"""`penstock cancel RUN`: stop a run for good."""

from __future__ import annotations

import click

from penstock.cli.commanding import send
from penstock.cli.desk import Desk, run_argument, with_desk


@click.command(name="cancel", no_args_is_help=True)
@run_argument
@click.option("--reason", default="", help="Why; it is recorded.")
@click.option("--wait", is_flag=True, help="Return when nothing of it runs any more.")
@with_desk
def command(desk: Desk, name: str, reason: str, wait: bool) -> None:
    """Stop RUN for good: what runs is stopped, nothing more starts, and it cannot be resumed.

    RUN is a run's id, a unique beginning of it, or `latest`. Its process may be any, or gone.
    """
    send(desk, name, "cancel", reason, wait=wait)
