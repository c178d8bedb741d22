"""`penstock run FILE[:NAME]`: start a run of a workflow, drive it here, and say how it ended."""

from __future__ import annotations

import contextlib
import io
import sys
from typing import TYPE_CHECKING, Any, TextIO

import click

from penstock.cli import inputs
from penstock.cli.board import Board
from penstock.cli.desk import Desk, executor_option, lazily, profile_option, with_desk
from penstock.cli.driving import Manner, drive
from penstock.cli.files import load_file, looks_like_file
from penstock.cli.guessing import OneOf
from penstock.cli.pairs import pairs_in
from penstock.cli.simulations_by_name import is_simulation

if TYPE_CHECKING:
    from penstock.app import Engine, Run


class RunCommand(click.Command):
    """Its options are Penstock's own and, once FILE is known, the inputs of the workflow in it.

    A simulated workflow is run by the command that knows its parameters.
    """

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any
    ) -> click.Context:
        if args and not looks_like_file(args[0]) and is_simulation(args):
            from penstock.cli import simulate_named

            return simulate_named.command.make_context(info_name, args, parent, **extra)
        return super().make_context(info_name, args, parent, **extra)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        file = self._file_in(args)
        if file is not None:
            ctx.info_name = f"{self.name} {file}"
            aside = io.StringIO() if ctx.resilient_parsing else sys.stderr if "--json" in args else sys.stdout
            self._load(ctx, file, aside)
        return super().parse_args(ctx, args)

    def _load(self, ctx: click.Context, file: str, aside: TextIO) -> None:
        """The workflow becomes the context's; what its module prints goes `aside`."""
        with contextlib.redirect_stdout(aside):
            try:
                ctx.obj = load_file(file)
            except Exception:
                # else a shell asks what to offer: options that are known without it
                if not ctx.resilient_parsing:
                    raise

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        own = super().get_params(ctx)
        if ctx.obj is None:
            return own
        taken = [flag for each in own for flag in each.opts]
        return [*own, *inputs.options_for(inputs.inputs_of(ctx.obj), taken)]

    def collect_usage_pieces(self, ctx: click.Context) -> list[str]:
        return super().collect_usage_pieces(ctx) if ctx.obj is None else [str(self.options_metavar)]

    def format_help_text(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        said = _first_words(ctx.obj) if ctx.obj is not None else ""
        if not said:
            super().format_help_text(ctx, formatter)
            return
        formatter.write_paragraph()
        with formatter.indentation():
            formatter.write_text(said)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        options = [each for each in self.get_params(ctx) if isinstance(each, click.Option)]
        records = [(each, each.get_help_record(ctx)) for each in options]
        mine = [record for each, record in records if record and str(each.name).startswith(inputs.PREFIX)]
        own = [record for each, record in records if record and not str(each.name).startswith(inputs.PREFIX)]
        if ctx.obj is not None:
            with formatter.section(f"Inputs of workflow {ctx.obj.as_program().name}"):
                formatter.write_dl(mine or [("none", "")])
        with formatter.section("Options"):
            formatter.write_dl(own)

    def _file_in(self, args: list[str]) -> str | None:
        """The first argument that is no option and no option's value."""
        takes_value = {
            flag for each in self.params if not getattr(each, "is_flag", True) for flag in each.opts
        }
        words = iter(args)
        for word in words:
            if not word.startswith("-"):
                return word
            if word in takes_value:
                next(words, None)
        return None


def _first_words(definition: Any) -> str:
    """The first paragraph of what the workflow, or its module, says of itself."""
    from penstock.catalogue.entries import docs_of

    return docs_of(definition).partition("\n\n")[0]


@click.command(cls=RunCommand, name="run", options_metavar="[INPUTS] [OPTIONS]", no_args_is_help=True)
@click.argument("file", metavar="FILE[:NAME]|NAME", shell_complete=lazily("files"))
@click.option("-q", "--quiet", is_flag=True, help="Print the result and nothing else.")
@click.option("-v", "--verbose", is_flag=True, help="Show what steps print, as they print it.")
@profile_option
@click.option("--key", help="The same key of one workflow is the same run: started once, found again.")
@click.option("--tag", "tags", multiple=True, metavar="NAME=VALUE", help="Mark the run; may be repeated.")
@click.option("--timeout", type=float, metavar="SECONDS", help="The run's time; it fails when that is up.")
@executor_option
@click.option(
    "--durability",
    type=OneOf(["power", "crash"]),
    help="What a finished step survives: a power cut (default), or only kill -9, which is quicker.",
)
@click.option(
    "--input", "pairs", multiple=True, metavar="NAME=VALUE", help="An input whose name an option here has."
)
@click.option(
    "--refresh",
    multiple=True,
    is_flag=False,
    flag_value="*",
    metavar="[STEP]",
    help="Run this step though its result is kept; alone, all steps; may be repeated.",
)
@with_desk
@click.pass_context
def command(ctx: click.Context, /, desk: Desk, **given: Any) -> None:
    """Run the workflow in FILE and watch it.

    FILE is a Python file or a module; NAME says which workflow, where it holds several, and alone stands for one that
    `penstock catalogue` lists, or for a simulated workflow. The workflow's inputs are options:
    `penstock run FILE --help` shows them. Everything is recorded: a run that was interrupted, killed or failed goes on with
    `penstock resume`.
    """
    definition = ctx.obj
    values = values_of(definition, given)
    how = {"key": given["key"], "tags": tags_of(definition, given["tags"]), "timeout": given["timeout"]}
    how["refresh"] = given["refresh"]

    def begin(engine: Engine, board: Board) -> Run[Any]:
        return engine.run(definition, values, **how)

    manner = Manner(quiet=given["quiet"], verbose=given["verbose"], profile=given["profile"])
    options = {"durability": given["durability"], "executor": given["executor"]}
    ctx.exit(drive(desk, manner, definition, begin, **options))


def values_of(definition: Any, given: dict[str, Any]) -> dict[str, Any]:
    """The inputs of a run, from the options that were given. Raises InputError."""
    from penstock.context.places import at
    from penstock.model.parameters import bind_inputs

    name, asked = definition.as_program().name, inputs.inputs_of(definition)
    with at(getattr(definition, "said", None)):
        return bind_inputs(name, asked, inputs.given(name, asked, given, given["pairs"]))


def tags_of(definition: Any, pairs: tuple[str, ...]) -> dict[str, str]:
    """The definition's own tags and those that were given. Raises SettingsError."""
    return {**getattr(definition, "tags", {}), **pairs_in("--tag", pairs)}
