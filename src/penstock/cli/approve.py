"""`penstock approve RUN [NAME]`: let a run go on that waits for approval."""

from __future__ import annotations

import click

from penstock.cli.deciding import decide, deciding_options
from penstock.cli.desk import Desk, run_argument, with_desk


@click.command(name="approve", no_args_is_help=True)
@run_argument
@deciding_options
@with_desk
def command(desk: Desk, name: str, asked: str | None, by: str | None, comment: str) -> None:
    """Let RUN go on, which waits for approval, now or later.

    RUN is a run's id, a unique beginning of it, or `latest`. NAME is what is to be approved; left out, what the run waits for.
    """
    decide(desk, name, asked, approved=True, by=by, comment=comment)
