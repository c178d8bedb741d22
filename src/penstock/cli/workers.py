"""`penstock workers`: who takes runs from this store, and what they do."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import click

from penstock.cli.desk import Desk, with_desk
from penstock.cli.ink import Ink
from penstock.cli.text import age


@click.command(name="workers")
@with_desk
def command(desk: Desk) -> None:
    """Workers of this store: what they drive, what they could not take, and whether they still live."""
    from penstock.app.queues import Queues

    with desk.look() as engine:
        found = Queues(engine).workers()
    if desk.as_json:
        desk.answer(found)
        return
    if not found:
        desk.say(desk.ink("no workers; start one: penstock worker", "dim"))
        return
    now = time.time()
    rows = [row for each in found for row in _rows(each, desk.ink, now)]
    desk.table(["", "WORKER", "QUEUES", "RUNS", "DRIVEN", "SEEN"], rows)


def _rows(worker: dict[str, Any], ink: Ink, now: float) -> Iterator[list[str]]:
    """A worker's own line, and one for each run that it could not take."""
    yield [
        ink.sign("running" if worker["alive"] else "failed"),
        f"{worker['host']}:{worker['pid']}",
        "all" if worker["queues"] is None else ", ".join(worker["queues"]),
        f"{worker['driven']} of {worker['slots']}",
        str(worker["ended"]),
        ink(age(now - worker["seen"]), "dim"),
    ]
    for run, why in worker["refused"].items():
        yield ["", ink(f"left {run[:8]} to others:", "dim"), why]
