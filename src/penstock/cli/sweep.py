"""`penstock sweep NAME --PARAMETER VALUE,VALUE`: a simulated workflow with several values, beside each other."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from penstock.cli import ending, simulated, swept
from penstock.cli.desk import Desk, with_desk
from penstock.cli.pairs import pairs_in
from penstock.cli.parameters import ParametersCommand
from penstock.cli.simulation_options import limits_of, with_bounds, with_choice
from penstock.errors import InputError

if TYPE_CHECKING:
    from penstock.simulations import WorkflowExecution


@click.command(
    name="sweep",
    cls=ParametersCommand,
    options_metavar="--PARAMETER VALUE,VALUE [OPTIONS]",
    no_args_is_help=True,
)
@with_choice
@click.option(
    "--jobs", type=click.IntRange(min=1), metavar="N", help="So many at a time.  [default: one a processor]"
)
@click.option(
    "--plot", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE.svg", help="Draw how they went."
)
@with_bounds
@with_desk
@click.pass_context
def command(ctx: click.Context, /, desk: Desk, **given: Any) -> None:
    """Execute the simulated workflow NAME once for each value, and show what was measured side by side.

    A parameter with commas has several values: --worker-count 10,25,50. Of several such parameters every combination is
    executed. A list or a table as a value is written as in TOML, [1, 2], and is one value.
    """
    from penstock.simulations import WorkflowRunner
    from penstock.simulations.sweeping import combinations, executed

    texts = dict(ctx.obj.texts) | pairs_in("--set", given["pairs"])
    several = {name: values_in(text) for name, text in texts.items()}
    over = {name: values for name, values in several.items() if len(values) > 1}
    if not over:
        raise InputError(
            "there is nothing to sweep over: give a parameter several values, as in --worker-count 10,25,50"
        )
    points = combinations(over)
    how = {"config": given["config"], "seed": given["seed"], "limits": limits_of(given | {"realtime": None})}
    with desk.open() as engine:
        runner = WorkflowRunner(engine, folder=given["workflows"])
        each = [{**how, "texts": {**texts, **point}} for point in points]
        found = executed(runner, given["name"], given["version"], each, given["jobs"])
    _tell(desk, points, found)
    if given["plot"] is not None:
        given["plot"].write_text(swept.drawn(given["name"], points, found), encoding="utf-8")
    ctx.exit(ending.OK if all(each.status == "completed" for each in found) else ending.FAILED)


def values_in(text: str) -> list[str]:
    """The values that a text stands for."""
    if text.startswith(("[", "{")):
        return [text]
    return [value for each in text.split(",") if (value := each.strip())]


def _tell(desk: Desk, points: list[dict[str, str]], found: list[WorkflowExecution]) -> None:
    if desk.as_json:
        names = list(points[0])
        documents = [simulated.execution_document(each) for each in found]
        desk.answer(
            [{"swept": {name: each["parameters"][name] for name in names}, **each} for each in documents]
        )
        return
    for line in swept.table(points, found, desk.ink):
        desk.say(line)
    for each in found:
        if each.error_message:
            desk.say(desk.ink(f"{each.execution_id}: {each.error_message}", "bad"))
