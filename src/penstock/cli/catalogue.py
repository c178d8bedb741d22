"""`penstock catalogue`: the workflows that can be run by name, with style, inputs, words and place."""

from __future__ import annotations

import contextlib
import sys
from typing import TYPE_CHECKING, Any

import click

from penstock.cli.closing import labelled
from penstock.cli.desk import Desk, lazily, with_desk
from penstock.cli.ink import Ink, terminal_width
from penstock.cli.text import clip, plural
from penstock.context.places import near

if TYPE_CHECKING:
    from penstock.catalogue import Entry, Problem


@click.command(name="catalogue")
@click.argument("places", metavar="[PLACE]...", nargs=-1, shell_complete=lazily("files"))
@click.option("--style", help="Only those of one style, such as tasks.")
@with_desk
def command(desk: Desk, places: tuple[str, ...], style: str | None) -> None:
    """List the workflows that can be run by name: `penstock run NAME`.

    They are what installed packages offer and what the setting `workflows` names, or what is at each PLACE: a module,
    a package, a file or a folder. To look at code is to import it; nothing is run.
    """
    with contextlib.redirect_stdout(sys.stderr) if desk.as_json else contextlib.nullcontext():
        entries, problems = _found(places)
    entries = [entry for entry in entries if style in (None, entry.style)]
    if desk.as_json:
        desk.answer(
            {
                "workflows": [entry.document() for entry in entries],
                "problems": [problem._asdict() for problem in problems],
            }
        )
        return
    for line in _lines(entries, problems, desk.ink):
        desk.say(line)


def _found(places: tuple[str, ...]) -> tuple[list[Entry], list[Problem]]:
    from penstock.app.shelves import fill
    from penstock.catalogue import Catalogue, catalogue

    if not places:
        problems = fill()
        return list(catalogue), problems
    known = Catalogue()
    problems = known.discover(*places)
    return list(known), problems


def _lines(entries: list[Entry], problems: list[Problem], ink: Ink) -> list[str]:
    lines: list[str] = []
    for entry in sorted(entries, key=lambda each: each.name):
        lines += _told(entry, ink)
    lines += [
        f"{ink.sign('failed')} {near(problem.place)}  {ink(near(problem.message), 'dim')}"
        for problem in problems
    ]
    if not lines:
        return [
            'no workflows: name modules or folders of them in pyproject.toml, [tool.penstock] workflows = ["workflows/"]'
        ]
    bad = f", {plural(len(problems), 'problem')}" if problems else ""
    return [*lines, "", f"{plural(len(entries), 'workflow')}{bad}"]


def _told(entry: Entry, ink: Ink) -> list[str]:
    problem = entry.problem
    sign = ink.sign("failed" if problem else "completed")
    head = f"{sign} {ink(entry.name, 'title')}  {ink(entry.style, 'dim')}"
    if problem:
        return [head, f"  {near(problem)}"]
    words = clip(entry.docs.partition("\n\n")[0], terminal_width() - 4)
    inputs = ", ".join(_said(each.document()) for each in entry.inputs.values()) or "none"
    facts = [("inputs", inputs), ("code", ink(near(str(entry.place)), "dim"))]
    return [head, *([f"  {words}"] if words else []), *labelled(facts, ink)]


def _said(one: dict[str, Any]) -> str:
    """As a function's parameter is written."""
    default = one["default"]
    shown = repr(default) if isinstance(default, str) else str(default)
    return f"{one['name']}: {one['type']}" + ("" if one["required"] else f" = {shown}")
