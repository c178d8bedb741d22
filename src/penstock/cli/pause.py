"""`penstock pause RUN`: let running steps end and start no more."""

from __future__ import annotations

import click

from penstock.cli.commanding import send
from penstock.cli.desk import Desk, run_argument, with_desk


@click.command(name="pause", no_args_is_help=True)
@run_argument
@click.option("--reason", default="", help="Why; it is recorded.")
@click.option("--wait", is_flag=True, help="Return when no step of it runs any more.")
@with_desk
def command(desk: Desk, name: str, reason: str, wait: bool) -> None:
    """Let the running steps of RUN end and start no more, until `penstock resume`.

    RUN is a run's id, a unique beginning of it, or `latest`.
    """
    send(desk, name, "pause", reason, wait=wait)
