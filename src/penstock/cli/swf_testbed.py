"""The command line under the name swf-testbed: the same commands, as those know them who come from there."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import Final

import click

from penstock import __version__
from penstock.cli.commands import Commands

COMMANDS: Final = {
    "run-workflow": ("simulate_named", "Run a workflow by name."),
    "sweep": ("sweep", "Run a workflow with several values, side by side."),
    "definitions": ("definitions", "List workflows that are kept."),
    "executions": ("executions", "List executions of workflows."),
    "validate": ("validate", "Check configurations without running them."),
}
"""Name -> the module of its command, and the line that --help shows."""


class Testbed(Commands):
    """See Commands."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module = import_module(f"penstock.cli.{COMMANDS[cmd_name][0]}")
        command: click.Command = module.command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, said) for name, (_, said) in COMMANDS.items()])


@click.command(cls=Testbed, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, message="penstock %(version)s")
def testbed() -> None:
    """Workflows in TOML, Python and SimPy, on Penstock."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit with its code."""
    testbed.main(arguments, prog_name="swf-testbed")
