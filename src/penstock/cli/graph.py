"""`penstock graph FILE|RUN`: a workflow's steps and what they depend on, or a run with what became of them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import click

from penstock.cli.board import Board
from penstock.cli.desk import Desk, lazily, with_desk
from penstock.cli.drawing.picture import Box, Picture, picture_in, picture_of
from penstock.cli.drawing.statuses import with_statuses
from penstock.cli.files import load_file, load_recorded, named
from penstock.cli.guessing import OneOf
from penstock.cli.ink import Ink
from penstock.errors import RunNotFound, UserError
from penstock.model import events as e
from penstock.model.outline import Graph, graph_of
from penstock.model.trail import trail


@click.command(name="graph", no_args_is_help=True)
@click.argument("what", metavar="FILE[:NAME]|NAME|RUN", shell_complete=lazily("files"))
@click.option(
    "--format",
    "form",
    type=OneOf(["terminal", "mermaid", "svg"]),
    help="How it is drawn.  [default: by -o's ending, else terminal]",
)
@click.option("-o", "--output", type=click.Path(dir_okay=False, path_type=Path), help="Write it to a file.")
@with_desk
def command(desk: Desk, what: str, form: str | None, output: Path | None) -> None:
    """Draw the workflow in FILE, or that of NAME in the catalogue, or RUN with its steps' statuses.

    RUN is a run's id, a unique beginning of it, or `latest`.
    """
    picture = _run_or_name(desk, what) if is_run(what) else picture_of(load_file(what))
    if desk.as_json:
        desk.answer(_document(picture))
        return
    form = form or {".svg": "svg", ".mmd": "mermaid", ".md": "mermaid"}.get(
        output.suffix if output else "", "terminal"
    )
    text = _drawn(picture, form, desk.ink if output is None else Ink(colour=False))
    if output is None:
        desk.say(text.rstrip("\n"))
    else:
        output.write_text(text, encoding="utf-8")
        desk.say(f"{form} drawing of {picture.name} in {output}")


def is_run(what: str) -> bool:
    """Runs are named in hexadecimal digits; a file of such a name has an ending or a folder."""
    place = what.partition(":")[0]
    return what == "latest" or (re.fullmatch("[0-9a-f]{1,16}", what) is not None and not Path(place).exists())


def _run_or_name(desk: Desk, what: str) -> Picture:
    """A run comes first; a workflow may be named so, too."""
    try:
        return _run_picture(desk, what)
    except RunNotFound:
        if what == "latest" or (entry := named(what)) is None:
            raise
        return picture_of(entry.make())


def _run_picture(desk: Desk, name: str) -> Picture:
    """As its workflow is outlined for what it was given, else as its log tells."""
    with desk.look() as engine:
        run = engine.get(name)
        definition = load_recorded(engine, run)
        board, log = Board(), []
        for sequence, at, event in engine.events_of(run.id):
            board.recorded(run.id, run.workflow, sequence, at, event)
            log.append(event)
        given = next((event.input for event in log if isinstance(event, e.RunStarted)), None)
        graph = _outline(definition, given)
        return with_statuses(picture_in(trail(run.workflow, log) if graph is None else graph), board)


def _outline(definition: Any, given: Any) -> Graph | None:
    """None also where what it was given does not fit it any more."""
    try:
        return graph_of(definition, given)
    except UserError:
        return None


def _drawn(picture: Picture, form: str, ink: Ink) -> str:
    if form == "svg":
        from penstock.cli.drawing.svg import svg

        return svg(picture)
    if form == "mermaid":
        from penstock.cli.drawing.mermaid import mermaid

        return mermaid(picture)
    from penstock.cli.drawing.terminal import PLAIN, ROUND, draw

    lines = draw(
        picture, lambda box: _sign(box, ink), lambda box: _label(box, ink), ROUND if ink.unicode else PLAIN
    )
    return "\n".join([ink(picture.name, "title"), "", *(f"  {line}" for line in lines)]) + "\n"


def _sign(box: Box, ink: Ink) -> str:
    return ink.sign(box.status) if box.status else ink("●" if ink.unicode else "o", "busy")


def _label(box: Box, ink: Ink) -> str:
    what = "for each item" if box.kind == "map" and not box.said else ""
    back = f"back to {', '.join(box.back)}" if box.back else ""
    words = [each for each in (what, box.said, box.remark, back) if each]
    name = ink(box.name, "dim") if box.status in ("waiting", "skipped") else box.name
    return f"{name}  {ink(', '.join(words), 'dim')}" if words else name


def _document(picture: Picture) -> dict[str, Any]:
    steps = [
        {
            "step": box.name,
            "kind": box.kind,
            "depends_on": list(box.depends_on),
            "back_to": list(box.back),
            "condition": box.remark or None,
            "status": box.status or None,
        }
        for box in picture.boxes.values()
    ]
    edges = [
        {"from": source, "to": target, "label": picture.labels.get((source, target))}
        for source, target in picture.edges
    ]
    return {"workflow": picture.name, "steps": steps, "edges": edges}
