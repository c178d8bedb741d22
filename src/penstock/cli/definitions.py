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
    if name is None:
        _list(desk)
    else:
        _show(desk, name, code=code)


def _list(desk: Desk) -> None:
    from penstock.simulations.definitions import Definitions

    found: list[WorkflowDefinition] = []
    if (engine := desk.look_if_there()) is not None:
        with engine:
            found = Definitions(engine).all()
    if desk.as_json:
        desk.answer([simulated.definition_document(each) for each in found])
    elif not found:
        desk.say(
            desk.ink("no definitions yet; one is kept when its workflow runs: penstock simulate NAME", "dim")
        )
    else:
        for line in simulated.definitions(found, desk.ink):
            desk.say(line)


def _show(desk: Desk, name: str, *, code: bool) -> None:
    from penstock.simulations.definitions import Definitions

    workflow, _, version = name.partition("@")
    with desk.look() as engine:
        found = Definitions(engine).known(workflow, version or None)
    if code:
        desk.say(found.definition.rstrip("\n"))
    elif desk.as_json:
        desk.answer(simulated.definition_document(found))
    else:
        for line in simulated.definition(found, desk.ink):
            desk.say(line)
