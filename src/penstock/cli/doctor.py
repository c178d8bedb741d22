"""`penstock doctor`: is all well here, and what to do where it is not."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from penstock.cli import checkups, ending
from penstock.cli.checkups import Finding
from penstock.cli.closing import kept
from penstock.cli.desk import Desk, with_desk
from penstock.cli.text import columns, plural
from penstock.errors import PenstockError

if TYPE_CHECKING:
    from penstock.app import Engine
    from penstock.app.upkeep import StoreFile

_SIGNS: Final = {"ok": "completed", "warning": "unfinished", "problem": "failed"}
_MOST_RUNS: Final = 10_000


@click.command(name="doctor")
@with_desk
@click.pass_context
def command(ctx: click.Context, /, desk: Desk) -> None:
    """Look at Python, the store, the disk, the clock and unfinished runs; say what is wrong and what to do.

    Exits with 0 unless there is a problem; a warning is none.
    """
    findings = [*checkups.of_environment(), *_of_store(desk)]
    problems = sum(finding.level == "problem" for finding in findings)
    if desk.as_json:
        said = [{**finding._asdict(), "remedy": finding.remedy or None} for finding in findings]
        desk.answer({"ok": not problems, "findings": said})
    else:
        for line in _lines(findings, desk):
            desk.say(line)
    ctx.exit(ending.WORLD if problems else ending.OK)


def _of_store(desk: Desk) -> Iterator[Finding]:
    from penstock.app import upkeep

    try:
        if not kept(desk):
            yield Finding(
                "store", "ok", f"{desk.store or 'the one that is set'} keeps nothing, as it was asked to"
            )
            return
        file = upkeep.file_at(desk.store, missing_ok=True)
        if not file.path.exists():
            yield from _of_place(file.path)
            return
        found, newest = upkeep.schemas_of(file)
        if found != newest:
            message = f"{file.path} has schema {found}, the newest is {newest}"
            yield Finding("store", "warning", message, desk.line("db migrate"))
            return
        with desk.open() as engine:
            yield from _of_open_store(engine, file, desk)
    except PenstockError as error:
        said, _, remedy = str(error).rpartition("; ")
        yield Finding("store", "problem", said or remedy, remedy if said else desk.line("settings"))


def _of_place(path: Path) -> Iterator[Finding]:
    """Where a store would be made."""
    folder = next(each for each in path.parents if each.exists())
    if not os.access(folder, os.W_OK):
        yield Finding(
            "store", "problem", f"{folder} cannot be written", f"give this user the right: chmod u+w {folder}"
        )
        return
    yield Finding("store", "ok", f"there is none yet at {path}; `penstock run FILE` makes it")
    yield checkups.of_space(shutil.disk_usage(folder).free, str(folder))


def _of_open_store(engine: Engine, file: StoreFile, desk: Desk) -> Iterator[Finding]:
    from penstock.app import upkeep

    path = file.path
    store = engine.durable_store()
    # a whole write transaction, of nothing
    store.claim("runs", engine.owner, ttl=engine.lease_seconds, ids=[])
    yield Finding("store", "ok", f"{path} can be read and written, and its locks hold")
    health = store.health()
    yield checkups.of_log(health["wal_size"])
    yield checkups.of_space(shutil.disk_usage(path.parent).free, str(path.parent))
    yield checkups.of_clock(health["clock_jump"], health["newest_event_at"], time.time())
    rows = [*engine.rows(status="running", limit=_MOST_RUNS), *engine.rows(status="paused", limit=_MOST_RUNS)]
    standing = {run for run, _ in upkeep.standing_leases(file)}
    yield from checkups.of_runs(rows, standing, _gone(rows), desk.line("resume RUN"))
    yield from checkups.of_schedules(_late(engine), desk.line("serve --schedules"))


def _late(engine: Engine) -> dict[str, float]:
    from penstock.app.scheduling.schedule import next_due

    now = engine.clock.now()
    return {each.name: now - due for each in engine.schedules.all() if (due := next_due(each)) is not None}


def _gone(rows: list[dict[str, Any]]) -> set[str]:
    from penstock.app.owners import is_gone

    return {row["id"] for row in rows if row["state"] == "leased" and is_gone(row["owner"])}


def _lines(findings: list[Finding], desk: Desk) -> Iterator[str]:
    ink = desk.ink
    table = []
    for finding in findings:
        table.append([ink.sign(_SIGNS[finding.level]), ink(finding.subject, "dim"), finding.message])
        if finding.remedy:
            table.append(
                ["", "", ink(f"→ {finding.remedy}" if ink.unicode else f"> {finding.remedy}", "name")]
            )
    yield from columns(table)
    yield ""
    counted = [plural(sum(f.level == level for f in findings), level) for level in ("problem", "warning")]
    yield ", ".join(counted)
