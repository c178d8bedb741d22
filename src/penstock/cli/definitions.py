"""`penstock definitions [NAME[@VERSION]]`: simulated workflows that are kept in the store."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from penstock.cli import simulated
from penstock.cli.desk import Desk, with_desk

if TYPE_CHECKING:
    from penstock.simulations import WorkflowDefinition


@click.command(name="definitions")
@click.argument("name", required=False, metavar="[NAME[@VERSION]]")
@click.option("--code", is_flag=True, help="Print the definition's code and nothing else.")
@with_desk
def command(desk: Desk, name: str | None, code: bool) -> None:
    """List definitions of simulated workflows, or show one: its parameters and their defaults.

    A definition is kept when its workflow first runs, and never changes: what changed gets another version.
    """
    from penstock.simulations.definitions import Definitions

    if desk.missing_file() is not None and name is None:
        _list(desk, [])
        return
    with desk.look() as engine:
        definitions = Definitions(engine)
        if name is None:
            _list(desk, definitions.all())
            return
        workflow, _, version = name.partition("@")
        found = definitions.known(workflow, version or None)
    if code:
        desk.say(found.definition.rstrip("\n"))
    elif desk.as_json:
        desk.answer(simulated.definition_document(found))
    else:
        for line in simulated.definition(found, desk.ink):
            desk.say(line)


def _list(desk: Desk, found: list[WorkflowDefinition]) -> None:
    if desk.as_json:
        desk.answer([simulated.definition_document(each) for each in found])
    elif not found:
        desk.say(
            desk.ink("no definitions yet; one is kept when its workflow runs: penstock simulate NAME", "dim")
        )
    else:
        for line in simulated.definitions(found, desk.ink):
            desk.say(line)
