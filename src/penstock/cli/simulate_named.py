"""`penstock simulate NAME`, also `swf-testbed run-workflow NAME`: execute a simulated workflow and say what was measured."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from penstock.cli import ending, simulated
from penstock.cli.desk import Desk, with_desk
from penstock.cli.pairs import pairs_in
from penstock.cli.parameters import ParametersCommand
from penstock.cli.simulation_options import limits_of, with_bounds, with_choice
from penstock.model import events as e
from penstock.model.published import published_in

if TYPE_CHECKING:
    from penstock.simulations import WorkflowExecution

CODE_OF = {
    "completed": ending.OK,
    "failed": ending.FAILED,
    "timed_out": ending.FAILED,
    "terminated": ending.CANCELLED,
}


class Messages:
    """Prints what an execution publishes, as it is recorded. See Observer."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def recorded(self, run: str, workflow: str, sequence: int, at: float, event: e.Event) -> None:
        for each in published_in(event):
            message = each["message"]
            self._desk.say(
                f"{message['simulation_tick']:>12,.1f}  {message['msg_type']}  {_more(message)}".rstrip()
            )


def _more(message: dict[str, Any]) -> str:
    return str(message.get("filename") or "/".join(filter(None, (message["state"], message["substate"]))))


@click.command(
    name="simulate",
    cls=ParametersCommand,
    options_metavar="[--PARAMETER VALUE] [OPTIONS]",
    no_args_is_help=True,
)
@with_choice
@click.option(
    "--realtime", type=float, metavar="[FACTOR]", help="A virtual second takes FACTOR wall seconds, or one."
)
@with_bounds
@click.option("-q", "--quiet", is_flag=True, help="Print nothing but the execution's id.")
@click.option("-v", "--verbose", is_flag=True, help="Print messages as they are published.")
@with_desk
@click.pass_context
def command(ctx: click.Context, /, desk: Desk, **given: Any) -> None:
    """Execute the simulated workflow NAME and say what was measured.

    NAME is a workflow's, or the stem of one of its configurations. What the store does not hold yet is looked for in workflows/
    and kept. Any other option is one of its parameters: --worker-count 25. It runs in a process of its own; Ctrl-C stops it.
    """
    from penstock.simulations import WorkflowRunner

    texts = dict(ctx.obj.texts) | pairs_in("--set", given["pairs"])
    observers = [Messages(desk)] if given["verbose"] and not desk.as_json else []
    with desk.open(observers=observers) as engine:
        runner = WorkflowRunner(engine, folder=given["workflows"])
        try:
            found = runner.run(
                given["name"],
                given["version"],
                texts=texts,
                config=given["config"],
                seed=given["seed"],
                realtime=given["realtime"],
                limits=limits_of(given),
            )
            code = CODE_OF.get(found.status, ending.FAILED)
        except KeyboardInterrupt:
            if runner.latest is None:
                raise
            found, code = runner.executions.get(runner.latest), ending.INTERRUPTED
    _tell(desk, found, quiet=given["quiet"])
    ctx.exit(code)


def _tell(desk: Desk, found: WorkflowExecution, *, quiet: bool) -> None:
    if desk.as_json:
        desk.answer(simulated.execution_document(found))
    elif quiet:
        desk.say(found.execution_id)
    else:
        for line in simulated.execution(found, desk):
            desk.say(line)
