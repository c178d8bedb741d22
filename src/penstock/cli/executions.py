"""`penstock executions [EXECUTION]`: what was executed of simulated workflows, and what was measured."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from penstock.cli import simulated
from penstock.cli.desk import Desk, with_desk

if TYPE_CHECKING:
    from penstock.simulations import WorkflowExecution


@click.command(name="executions")
@click.argument("name", required=False, metavar="[EXECUTION]")
@click.option("--workflow", metavar="NAME", help="Only executions of this workflow.")
@click.option(
    "-n", "--limit", type=click.IntRange(min=1), default=20, metavar="N", help="How many.  [default: 20]"
)
@with_desk
def command(desk: Desk, name: str | None, workflow: str | None, limit: int) -> None:
    """List executions of simulated workflows, the newest first, or show one with all that was measured.

    EXECUTION is an id such as stf_processing-ada-0007; the zeros may be left out.
    """
    if name is None:
        _list(desk, workflow, limit)
    else:
        _show(desk, name)


def _list(desk: Desk, workflow: str | None, limit: int) -> None:
    from penstock.simulations.executions import Executions

    found: list[WorkflowExecution] = []
    if (engine := desk.look_if_there()) is not None:
        with engine:
            found = Executions(engine).all(limit=limit, workflow=workflow)
    if desk.as_json:
        desk.answer([simulated.execution_document(each) for each in found])
    elif not found:
        desk.say(desk.ink("no executions; start one: penstock simulate NAME", "dim"))
    else:
        for line in simulated.executions(found, desk.ink):
            desk.say(line)


def _show(desk: Desk, name: str) -> None:
    from penstock.simulations.executions import Executions

    with desk.look() as engine:
        found = Executions(engine).get(name)
    if desk.as_json:
        desk.answer(simulated.execution_document(found))
    else:
        for line in simulated.execution(found, desk):
            desk.say(line)
