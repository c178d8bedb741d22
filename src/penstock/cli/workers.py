"""`penstock workers`: who takes runs from this store, and what they do."""

from __future__ import annotations

import time

import click

from penstock.cli.desk import Desk, with_desk
from penstock.cli.text import age, columns


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
    ink, now = desk.ink, time.time()
    rows = [[ink(word, "dim") for word in ("", "WORKER", "QUEUES", "RUNS", "DRIVEN", "SEEN")]]
    for each in found:
        rows.append(
            [
                ink.sign("running" if each["alive"] else "failed"),
                f"{each['host']}:{each['pid']}",
                "all" if each["queues"] is None else ", ".join(each["queues"]),
                f"{each['driven']} of {each['slots']}",
                str(each["ended"]),
                ink(age(now - each["seen"]), "dim"),
            ]
        )
        rows += [["", ink(f"left {run[:8]} to others:", "dim"), why] for run, why in each["refused"].items()]
    for line in columns(rows):
        desk.say(line)
