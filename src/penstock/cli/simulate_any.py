"""`penstock simulate FILE|NAME|RUN`: a workflow of any style in virtual time, learned from its own past runs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from penstock.cli import simulate_told as told
from penstock.cli.amounts import length
from penstock.cli.desk import Desk, lazily, with_desk
from penstock.cli.files import load_file, load_recorded, looks_like_file, named
from penstock.cli.graph import is_run
from penstock.cli.inputs import inputs_of
from penstock.cli.parameters import Given, ParametersCommand, apart
from penstock.cli.simulate_said import question_of, seeds_in, workers_in
from penstock.cli.simulations_by_name import has_files
from penstock.errors import RunNotFound, SettingsError

if TYPE_CHECKING:
    from penstock.app import Engine
    from penstock.whatif import Report


def is_any(either: click.Command, args: list[str]) -> bool:
    """Whether what is to be simulated is anything but a simulated workflow; so it is where nothing is named."""
    name = apart(either, args).name
    if name is None:
        return True
    if looks_like_file(name) or is_run(name):
        return True
    return not has_files(name) and named(name) is not None


class AskedCommand(ParametersCommand):
    """Its own options, and any other, which is an input of the workflow."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        if isinstance(ctx.obj, Given) and ctx.obj.name is not None and not is_run(ctx.obj.name):
            rows = [(f"--{name.replace('_', '-')}", "") for name in inputs_of(load_file(ctx.obj.name))]
            with formatter.section(f"Inputs of {ctx.obj.name}"):
                formatter.write_dl(rows or [("none", "")])
        click.Command.format_options(self, ctx, formatter)


@click.command(
    name="simulate", cls=AskedCommand, options_metavar="[--INPUT VALUE] [OPTIONS]", no_args_is_help=True
)
@click.argument(
    "names", metavar="FILE[:NAME]|NAME|RUN", nargs=-1, required=True, shell_complete=lazily("files")
)
@click.option(
    "--workers", metavar="N[,N...]", help="Steps at once; several numbers are compared.  [default: 4]"
)
@click.option(
    "--as-is", is_flag=True, help="As `penstock run` has it: plain steps one by one, async ones together."
)
@click.option(
    "--slots", type=int, metavar="N", help="The workers are processes that drive so many runs each."
)
@click.option("--threads", type=int, default=8, metavar="N", help="Of each such process.  [default: 8]")
@click.option("--limit", type=int, metavar="N", help="Steps of one run at once, whatever the workflow says.")
@click.option("--concurrency", type=int, metavar="N", help="Runs at once that the queue allows.")
@click.option("--queue-rate", metavar="RATE", help="How many runs the queue lets begin, such as 10/s, 600/m.")
@click.option("--queue", metavar="NAME", help="Both, as the store says of this queue.")
@click.option(
    "--key", "keys", multiple=True, metavar="KEY=N", help="What bounds steps under a limit: api=5, mail=10/s."
)
@click.option(
    "--runs", type=int, metavar="N", help="So many runs; at once, unless --rate is given.  [default: 1]"
)
@click.option("--rate", metavar="N/UNIT", help="Runs come by chance: 10/min, 0.5/s, 200/h.")
@click.option(
    "--for", "span", type=length, metavar="TIME", help="For how long they come: 90s, 30min, 8h, 2d."
)
@click.option("--schedule", metavar="NAME", help="Runs come as this schedule makes them, --for 1d.")
@click.option("--trace", is_flag=True, help="Runs come as the past ones did.")
@click.option("--seeds", type=int, metavar="N", help="How often it is played.  [default: 20, less if large]")
@click.option("--seed", type=int, default=0, metavar="N", help="The first seed.  [default: 0]")
@click.option("--durations", metavar="FILE", help="TOML: [steps.NAME] duration = 2.5, fails = 0.05, ...")
@click.option("--default", "default_seconds", type=float, default=1.0, metavar="SECONDS",
              help="Of steps of which nothing is known.  [default: 1]")  # fmt: skip
@click.option("--really", multiple=True, metavar="STEP", help="Call its code, and simulate its time.")
@click.option("--from", "trained_on", multiple=True, metavar="RUN", help="Learn from these runs alone.")
@click.option(
    "--price", "prices", multiple=True, metavar="NAME=PRICE", help="Of worker_hour, run, or a step."
)
@click.option("--until", type=length, metavar="TIME", help="When the simulation ends at the latest.")
@click.option("--html", type=click.Path(dir_okay=False, path_type=Path), help="Write a report with pictures.")
@click.option("--check", "checks", is_flag=True, help="Predict past runs, and compare with what they took.")
@click.option(
    "--input", "pairs", multiple=True, metavar="NAME=VALUE", help="An input whose name an option has."
)
@with_desk
@click.pass_context
def command(ctx: click.Context, /, desk: Desk, **given: Any) -> None:
    """Play a workflow in virtual time: how long does it take, how sure is that, and what should be raised first?

    What its steps are like is drawn from its past runs, or said in a table. RUN simulates the same again; with --check, RUNs
    are compared with what was. Any other option is one of the workflow's inputs. `penstock simulate NAME --help` shows the
    options of a simulated workflow (TOML and SimPy).
    """
    if given["checks"]:
        _check(desk, given)
        return
    if len(given["names"]) > 1:
        raise SettingsError(f"one workflow at a time: {given['names'][1]!r} is one too many")
    with _past(desk) as engine:
        definition, run = _what(engine, given["names"][0])
        question = question_of(engine, definition, run, given, dict(ctx.obj.texts))
        reports = question.reports(workers_in(given))
    if given["html"] is not None:
        _draw(reports, given["html"])
    _answer(desk, reports, given["html"])


def _draw(reports: list[Report], file: Path) -> None:
    from penstock.whatif.page import page

    try:
        file.write_text(page(reports), encoding="utf-8")
    except OSError as error:
        raise SettingsError(
            f"--html {file} cannot be written ({error.strerror}): name a file in a folder that is there"
        ) from None


def _past(desk: Desk) -> Engine:
    """An engine on the store, if there is one: else nothing was ever run, and none is made."""
    from penstock.app import open_engine

    return desk.look_if_there() or open_engine("memory:", capture_echo=False)


def _answer(desk: Desk, reports: list[Report], html: Path | None) -> None:
    if desk.as_json:
        documents = [each.document() for each in reports]
        desk.answer(documents[0] if len(documents) == 1 else documents)
        return
    lines = told.report(reports[0], desk.ink) if len(reports) == 1 else told.sweep(reports, desk.ink)
    for line in lines:
        desk.say(line)
    if html is not None:
        desk.say(f"  {desk.ink('pictures', 'dim')}     {html}")


def _check(desk: Desk, given: dict[str, Any]) -> None:
    from penstock.whatif import check

    first, *more = given["names"]
    workers = workers_in(given)
    with desk.look() as engine:
        definition, run = _what(engine, first)
        runs = None if run is None else [run.id, *(engine.get(each).id for each in more)]
        found = check(
            definition,
            runs=runs,
            trained_on=given["trained_on"] or None,
            workers=workers[0] if given["workers"] else None,
            seeds=seeds_in(given),
            durations=given["durations"] or "learned",
            store=engine,
        )
    if desk.as_json:
        desk.answer(found.document())
    else:
        for line in told.check(found, desk.ink):
            desk.say(line)


def _what(engine: Engine, name: str) -> tuple[Any, Any]:
    """The definition, and the run if it is one that was named: a run comes first."""
    if is_run(name):
        try:
            run = engine.get(name)
            return load_recorded(engine, run), run
        except RunNotFound:
            if name == "latest" or (entry := named(name)) is None:
                raise
            return entry.make(), None
    return load_file(name), None
