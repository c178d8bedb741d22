"""`penstock serve --schedules`: fire schedules until Ctrl-C."""

from __future__ import annotations

import click

from penstock.cli.desk import Desk, with_desk
from penstock.cli.text import plural
from penstock.cli.worker import Ending
from penstock.errors import SettingsError


@click.command(name="serve")
@click.option("--schedules", is_flag=True, help="Fire schedules; workers drive the runs.")
@with_desk
def command(desk: Desk, schedules: bool) -> None:
    """Fire the schedules of this store until Ctrl-C or SIGTERM; workers drive the runs.

    Any number of them may share a store, with workers or without: each moment becomes one run.
    """
    from penstock.app.scheduling.serving import Serving

    if not schedules:
        raise SettingsError("there is nothing to serve: say penstock serve --schedules")
    with desk.open() as engine:
        serving = Serving(engine)
        if not desk.as_json:
            desk.say(f"fires the schedules of {engine.address}; Ctrl-C ends it")
        with Ending(serving):
            serving.serve()
        if desk.as_json:
            desk.answer({"fired": serving.fired})
        else:
            desk.say(f"{plural(serving.fired, 'run')} made")
