"""`penstock simulate NAME`, also `swf-testbed run-workflow NAME`: execute a simulated workflow and say what was measured.

Of any other workflow, a FILE, a NAME of the catalogue or a RUN, it is `simulate_any` that answers.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from penstock.cli import ending, simulated
from penstock.cli.desk import Desk, with_desk
from penstock.cli.parameters import ParametersCommand
from penstock.errors import InputError
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
@click.argument("name", metavar="NAME")
@click.option(
    "--version", metavar="VERSION", help="Which version; the configuration's own unless it is said."
)
@click.option("--config", metavar="FILE", help="A TOML file whose values go over the stored ones.")
@click.option(
    "--set", "pairs", multiple=True, metavar="NAME=VALUE", help="A parameter whose name an option has."
)
@click.option("--seed", type=int, default=0, metavar="N", help="Decides all chance.  [default: 0]")
@click.option(
    "--realtime", type=float, metavar="[FACTOR]", help="A virtual second takes FACTOR wall seconds, or one."
)
@click.option("--time-limit", type=float, metavar="SECONDS", help="Of wall time.  [default: 3600]")
@click.option("--memory-limit", type=int, metavar="MB", help="Of memory.  [default: 1024]")
@click.option("--event-limit", type=int, metavar="N", help="Of SimPy's events.  [default: 100000000]")
@click.option(
    "--workflows", metavar="FOLDER", help="Where workflows' files are.  [default: workflows/, upward]"
)
@click.option("-q", "--quiet", is_flag=True, help="Print nothing but the execution's id.")
@click.option("-v", "--verbose", is_flag=True, help="Print messages as they are published.")
@with_desk
@click.pass_context
def executed(ctx: click.Context, /, desk: Desk, **given: Any) -> None:
    """Execute the simulated workflow NAME and say what was measured.

    NAME is a workflow's, or the stem of one of its configurations. What the store does not hold yet is looked for in workflows/
    and kept. Any other option is one of its parameters: --worker-count 25. It runs in a process of its own; Ctrl-C stops it.
    """
    from penstock.simulations import WorkflowRunner

    texts = dict(ctx.obj.texts) | dict(pairs_in(given["pairs"]))
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


def pairs_in(pairs: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not (name and equals):
            raise InputError(f"--set {pair} lacks its value: say --set NAME=VALUE")
        yield name, value


def limits_of(given: dict[str, Any]) -> Any:
    from penstock.simulations import Limits

    said = {
        "seconds": given["time_limit"],
        "memory_mb": given["memory_limit"],
        "events": given["event_limit"],
    }
    changed = {name: value for name, value in said.items() if value is not None}
    if not changed:
        return None
    usual = Limits() if given["realtime"] is None else Limits(seconds=None)
    return usual._replace(**changed)


class Either(click.Command):
    """What to simulate decides which command it is, and so its options."""

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any
    ) -> click.Context:
        from penstock.cli.simulate_any import asked, is_any

        either = click.Command("simulate", params=[*asked.params, *executed.params])
        chosen: click.Command = asked if is_any(either, args) else executed
        return chosen.make_context(info_name, args, parent, **extra)


command = Either("simulate")
