"""`penstock runs`: the newest runs, a line each."""

from __future__ import annotations

import json
import time
from typing import Any

import click

from penstock.cli.desk import Desk, with_desk
from penstock.cli.guessing import OneOf
from penstock.cli.ink import Ink
from penstock.cli.text import age, duration
from penstock.model.states import FINISHED, RUN_STATUSES


@click.command(name="runs")
@click.option("--status", type=OneOf(RUN_STATUSES), help="Only runs of this status.")
@click.option("--workflow", metavar="NAME", help="Only runs of this workflow.")
@click.option(
    "-n", "--limit", type=click.IntRange(min=1), default=20, metavar="N", help="How many.  [default: 20]"
)
@with_desk
def command(desk: Desk, status: str | None, workflow: str | None, limit: int) -> None:
    """List runs, the newest first."""
    rows: list[dict[str, Any]] = []
    gone: set[str] = set()
    if (engine := desk.look_if_there()) is not None:
        with engine:
            rows = engine.rows(status=status, workflow=workflow, limit=limit)
            gone = {row["id"] for row in rows if is_left(row)}
    if desk.as_json:
        desk.answer([_document(row, row["id"] in gone) for row in rows])
    elif not rows:
        desk.say(_nothing(desk, status, workflow))
    else:
        now = time.time()
        desk.table(
            ["", "RUN", "WORKFLOW", "STATUS", "STARTED", "TOOK", "TAGS"],
            (_row(row, row["id"] in gone, desk.ink, now) for row in rows),
            right=[5],
        )


def _row(row: dict[str, Any], left: bool, ink: Ink, now: float) -> list[str]:
    status = "unfinished" if left else row["status"]
    took = (row["updated"] if row["status"] in FINISHED else now) - row["created"]
    tags = " ".join(f"{name}={value}" for name, value in json.loads(row["tags"] or "{}").items())
    return [
        ink.sign(status),
        row["id"][:8],
        row["workflow"] or "",
        ink.status(status),
        ink(age(now - row["created"]), "dim"),
        "" if left else duration(took),
        ink(tags, "dim"),
    ]


def is_left(row: dict[str, Any]) -> bool:
    """Whether a run is unfinished and nobody drives it."""
    from penstock.app.owners import is_gone

    return row["status"] == "running" and (row["state"] != "leased" or is_gone(row["owner"]))


def _document(row: dict[str, Any], left: bool) -> dict[str, Any]:
    return {
        "run": row["id"],
        "workflow": row["workflow"],
        "status": row["status"],
        "driven": row["status"] not in FINISHED and not left,
        "started_at": row["created"],
        "updated_at": row["updated"],
        "tags": json.loads(row["tags"] or "{}"),
    }


def _nothing(desk: Desk, status: str | None, workflow: str | None) -> str:
    from penstock.app.addresses import address_of

    if status or workflow:
        return desk.ink("no run fits; leave --status or --workflow out to see all", "dim")
    return desk.ink(f"no runs yet in {address_of(desk.store)}; start one: penstock run FILE", "dim")
