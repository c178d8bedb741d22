"""`penstock signal RUN NAME`: send a message into a run."""

from __future__ import annotations

import json

import click

from penstock.cli.desk import Desk, run_argument, with_desk


@click.command(name="signal", no_args_is_help=True)
@run_argument
@click.argument("signal", metavar="NAME")
@click.option("--data", metavar="JSON", default="null", help="What the run is given.  [default: null]")
@click.option("--key", help="The same key is taken once, however often it is sent.")
@with_desk
def command(desk: Desk, name: str, signal: str, data: str, key: str | None) -> None:
    """Send the message NAME into RUN, which may wait for it now or later.

    RUN is a run's id, a unique beginning of it, or `latest`.
    """
    value = _parsed(data)
    with desk.look() as engine:
        run_id = engine.get(name).id
        engine.signal(run_id, signal, value, key=key)
    if desk.as_json:
        desk.answer({"run": run_id, "signal": signal})
    else:
        desk.say(f"run {desk.ink(run_id, 'name')} was sent {signal}")


def _parsed(data: str) -> object:
    try:
        return json.loads(data)
    except json.JSONDecodeError as error:
        raise click.BadParameter(
            f"{data!r} is no JSON ({error}); text needs quotes: '\"{data}\"'", param_hint="--data"
        ) from error
