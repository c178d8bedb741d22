"""`penstock completion bash|zsh|fish`: what makes a shell complete commands, options, runs and inputs."""

from __future__ import annotations

import os
from pathlib import PurePath
from typing import Final

import click
from click.shell_completion import get_completion_class

from penstock.cli.completing import VARIABLE
from penstock.cli.guessing import OneOf
from penstock.errors import SettingsError

SHELLS: Final = ("bash", "zsh", "fish")


HELP: Final = """Print a script that makes your shell complete what you type.

\b
In ~/.bashrc:  eval "$(penstock completion bash)"
In ~/.zshrc:   eval "$(penstock completion zsh)"
In fish:       penstock completion fish > ~/.config/fish/completions/penstock.fish

Left out, the shell is the one that SHELL names. Bash has to be 4.4 or newer."""


@click.command(name="completion", help=HELP)
@click.argument("shell", type=OneOf(SHELLS), required=False, metavar="bash|zsh|fish")
@click.option("--debug", is_flag=True, hidden=True)
@click.pass_context
def command(ctx: click.Context, /, shell: str | None, debug: bool) -> None:
    """See HELP."""
    chosen = get_completion_class(shell or _own_shell())
    assert chosen is not None
    click.echo(chosen(ctx.find_root().command, {}, "penstock", VARIABLE).source())


def _own_shell() -> str:
    name = PurePath(os.environ.get("SHELL", "")).name
    if name not in SHELLS:
        raise SettingsError(
            f"SHELL is {os.environ.get('SHELL')!r}; say which shell you use: penstock completion bash"
        )
    return name
