"""`penstock db`: look after the store: figures, a copy, a copy put back, its schema, its soundness."""

from __future__ import annotations

import time
from itertools import count
from pathlib import Path
from typing import Any

import click

from penstock.cli import ending
from penstock.cli.closing import labelled
from penstock.cli.desk import Desk, with_desk
from penstock.cli.guessing import CommandGroup
from penstock.cli.text import age, number, plural, size


@click.group(name="db", cls=CommandGroup)
def command() -> None:
    """Look after the store: the project's, or that of --store."""


@command.command(name="info")
@with_desk
def info(desk: Desk) -> None:
    """Its size, schema and durability, and what is in it."""
    from penstock.app import upkeep

    file = upkeep.file_at(desk.store)
    path = file.path
    found, newest = upkeep.schemas_of(file)
    said: dict[str, Any] = {"path": str(path), "size": path.stat().st_size}
    if found == newest:
        said |= _figures(desk)
    said |= {"schema_version": found, "newest_schema": newest}
    if desk.as_json:
        desk.answer(said)
        return
    for line in labelled([*_file_facts(said, desk), *_content_facts(said)], desk.ink):
        desk.say(line)


def _figures(desk: Desk) -> dict[str, Any]:
    with desk.open() as engine:
        store = engine.durable_store()
        health = store.health()
        oldest, newest = (store.find("runs", limit=1, newest_first=last) for last in (False, True))
    return {
        **{name: figure for name, figure in health.items() if name != "clock_jump"},
        "oldest_run": _named(oldest),
        "newest_run": _named(newest),
    }


def _named(rows: list[dict[str, Any]]) -> dict[str, Any] | None:
    return {"run": rows[0]["id"], "started_at": rows[0]["created"]} if rows else None


def _file_facts(said: dict[str, Any], desk: Desk) -> list[tuple[str, str]]:
    schema = f"{said['schema_version']}, the newest"
    if said["schema_version"] != said["newest_schema"]:
        schema = f"{said['schema_version']}; the newest is {said['newest_schema']}: {desk.line('db migrate')}"
    return [("path", said["path"]), ("size", _size(said)), ("schema", schema)]


def _size(said: dict[str, Any]) -> str:
    log = f", and {size(said['wal_size'])} in its write-ahead log" if said.get("wal_size") else ""
    return f"{size(said['size'])}{log}"


def _content_facts(said: dict[str, Any]) -> list[tuple[str, str]]:
    if "counts" not in said:
        return []
    counts = said["counts"]
    facts = [
        ("durability", said["durability"]),
        ("runs", number(counts["runs"])),
        ("of them", ", ".join(f"{number(many)} {name}" for name, many in sorted(said["statuses"].items()))),
        ("events", number(counts["events"])),
    ]
    for label in ("oldest", "newest"):
        if (run := said[f"{label}_run"]) is not None:
            facts.append((label, f"{run['run'][:8]}  {age(time.time() - run['started_at'])}"))
    return [fact for fact in facts if fact[1]]


@command.command(name="backup", no_args_is_help=True)
@click.argument("to", type=click.Path(path_type=Path))
@click.option("--force", is_flag=True, help="Write over a file that is there.")
@with_desk
def backup(desk: Desk, to: Path, force: bool) -> None:
    """Copy the store to file TO, as of one moment, while it is in use."""
    from penstock.app import upkeep

    file = upkeep.file_at(desk.store)
    path = file.path
    if to.is_dir():
        raise click.UsageError(f"{to} is a folder; name a file in it, such as {to / path.name}")
    if not to.absolute().parent.is_dir():
        raise click.UsageError(
            f"there is no folder {to.absolute().parent}: make it, or name a file elsewhere"
        )
    if to.exists() and not force:
        raise click.UsageError(f"{to} is there already; name another file, or write over it with --force")
    upkeep.back_up(file, to)
    if desk.as_json:
        desk.answer({"path": str(path), "copy": str(to.absolute()), "size": to.stat().st_size})
    else:
        desk.say(f"{desk.ink.sign('completed')} {path} is copied to {to}, {size(to.stat().st_size)}")


@command.command(name="restore", no_args_is_help=True)
@click.argument("source", metavar="FROM", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@with_desk
def restore(desk: Desk, source: Path) -> None:
    """Put a copy of the backup FROM where the store is, and keep beside it what was there.

    Refused while a run is being driven, or another process has the store open for other reasons.
    """
    from penstock.app import upkeep

    file = upkeep.file_at(desk.store, missing_ok=True)
    path = file.path
    aside = _free_name(path)
    kept = upkeep.restore(file, source, aside)
    if desk.as_json:
        desk.answer({"path": str(path), "from": str(source.absolute()), "kept": str(aside) if kept else None})
    else:
        there = f"; what was there is {aside}" if kept else ""
        desk.say(f"{desk.ink.sign('completed')} {path} is as {source} was{there}")


def _free_name(path: Path) -> Path:
    names = (Path(f"{path}.before-restore{n or ''}") for n in count())
    return next(name for name in names if not name.exists())


@command.command(name="migrate")
@with_desk
def migrate(desk: Desk) -> None:
    """Bring the store forward to the schema of this version. What else opens an older store does the same."""
    from penstock.app import upkeep

    file = upkeep.file_at(desk.store)
    path = file.path
    found, newest = upkeep.schemas_of(file)
    with desk.open():
        pass
    if desk.as_json:
        desk.answer({"path": str(path), "from": found, "to": newest})
    elif found == newest:
        desk.say(f"nothing is to be done: {path} has schema {newest}, the newest")
    else:
        desk.say(f"{desk.ink.sign('completed')} brought {path} forward from schema {found} to {newest}")


@command.command(name="check")
@with_desk
@click.pass_context
def check(ctx: click.Context, /, desk: Desk) -> None:
    """Look for damage in the file, and for what cannot be: logs with holes, leases of nobody."""
    from penstock.app import upkeep

    file = upkeep.file_at(desk.store)
    path = file.path
    problems = upkeep.problems_of(file)
    ink = desk.ink
    if desk.as_json:
        desk.answer({"path": str(path), "ok": not problems, "problems": problems})
    elif not problems:
        desk.say(f"{ink.sign('completed')} {path} is whole")
    else:
        desk.say(f"{ink.sign('failed')} {path} is not whole: {plural(len(problems), 'problem')}")
        for problem in problems:
            desk.say(f"  {problem}")
        remedies = [("restore a backup", desk.line("db restore BACKUP"))]
        if not file.is_json:
            remedies.append(("save the rest", f"sqlite3 {path} .recover"))
        desk.say()
        for line in labelled(remedies, ink):
            desk.say(line)
    ctx.exit(ending.WORLD if problems else ending.OK)
