"""`penstock replay FILE`: play recorded runs against the code at hand, carrying nothing out: does it still fit them?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import click

from penstock.cli import ending
from penstock.cli.desk import Desk, lazily, with_desk
from penstock.cli.text import plural
from penstock.errors import CodeChanged, Nondeterminism, UserError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from penstock.app import Engine

MOST = 1_000


class Replayed(NamedTuple):
    """A run, and where the code at hand goes another way than it did; empty: nowhere."""

    run: str
    workflow: str
    status: str
    events: int
    divergence: str


@click.command(name="replay", no_args_is_help=True)
@click.argument("file", metavar="FILE[:NAME]", shell_complete=lazily("files"))
@click.option(
    "--runs",
    multiple=True,
    metavar="RUN",
    help="A run's id or a beginning of it; may be repeated.  [default: all]",
)
@click.option(
    "--limit", type=click.IntRange(1), default=MOST, help=f"At most so many, the newest.  [default: {MOST}]"
)
@with_desk
@click.pass_context
def command(ctx: click.Context, /, desk: Desk, file: str, runs: tuple[str, ...], limit: int) -> None:
    """Play the recorded runs of the workflows in FILE against the code at hand. No step is run and nothing is written.

    Says of each run whether the code does what the run did, and if not, where they part. Ends with 1 if any of them parts:
    what to ask before a new version meets unfinished runs.
    """
    from penstock.cli.files import load_every

    definitions = {definition.as_program().name: definition for _, definition in load_every(file)}
    with desk.look() as engine:
        found = []
        for replayed in _replayed(engine, definitions, runs, limit):
            found.append(replayed)
            if not desk.as_json:
                for line in _lines(desk, replayed):
                    desk.say(line)
    parting = sum(bool(each.divergence) for each in found)
    if desk.as_json:
        desk.answer({"file": file, "runs": [each._asdict() for each in found], "diverging": parting})
    elif found:
        ways = (
            f"{plural(parting, 'run')} of {len(found)} would go another way"
            if parting
            else "the code fits them all"
        )
        desk.say(f"{plural(len(found), 'run')} replayed: {ways}")
    else:
        desk.say(f"no run of {', '.join(definitions)} to replay")
    ctx.exit(ending.FAILED if parting else ending.OK)


def _replayed(
    engine: Engine, definitions: dict[str, Any], names: tuple[str, ...], limit: int
) -> Iterator[Replayed]:
    if names:
        rows = [
            engine.durable_store().get("runs", [run])[run] for run in (engine.get(name).id for name in names)
        ]
        for row in rows:
            if row["workflow"] not in definitions:
                known = ", ".join(definitions)
                raise CodeChanged(
                    f"run {row['id']} is of workflow {row['workflow']!r}; the file holds {known}"
                )
    else:
        found = [engine.rows(workflow=name, limit=limit) for name in definitions]
        rows = sorted((row for several in found for row in several), key=lambda row: -row["created"])[:limit]
    for row in rows:
        yield _replay(engine, definitions[row["workflow"]], row)


def _replay(engine: Engine, definition: Any, row: dict[str, Any]) -> Replayed:
    from penstock.app.replaying import divergence

    engine.learn(definition)
    log = engine.events_of(row["id"])
    try:
        said = divergence(row["id"], definition.as_program(), log)
    except (Nondeterminism, UserError) as error:
        said = str(error)
    return Replayed(row["id"], row["workflow"], row["status"], len(log), said)


def _lines(desk: Desk, replayed: Replayed) -> Iterator[str]:
    ink = desk.ink
    sign = ink.sign("failed" if replayed.divergence else "completed")
    facts = f"{replayed.status}, {plural(replayed.events, 'event')}"
    yield f"{sign} {ink(replayed.run[:8], 'name')}  {replayed.workflow}  {ink(facts, 'dim')}"
    if replayed.divergence:
        yield f"    {replayed.divergence}"
