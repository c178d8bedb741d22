"""`penstock reject RUN [NAME]`: say no to a run that waits for approval."""

from __future__ import annotations

import click

from penstock.cli.deciding import decide, deciding_options
from penstock.cli.desk import Desk, run_argument, with_desk


@click.command(name="reject", no_args_is_help=True)
@run_argument
@deciding_options
@with_desk
def command(desk: Desk, name: str, asked: str | None, by: str | None, comment: str) -> None:
    """Say no to RUN, which waits for approval, now or later: the step that asked fails.

    RUN is a run's id, a unique beginning of it, or `latest`. NAME is what is to be approved; left out, what the run waits for.
    """
    decide(desk, name, asked, approved=False, by=by, comment=comment)
