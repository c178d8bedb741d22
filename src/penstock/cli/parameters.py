"""A command that takes any `--some-parameter VALUE`, beside options of its own: the parameters of a simulated workflow."""

from __future__ import annotations

from collections import deque
from contextlib import suppress
from typing import Any, NamedTuple

import click

from penstock.errors import UserError


class Given(NamedTuple):
    """Arguments taken apart: the command's own, the texts of parameters by name, and the first word that is no option."""

    own: list[str]
    texts: dict[str, str]
    name: str | None


class ParametersCommand(click.Command):
    """Its own options, and any other, which is a parameter of the workflow; the context's object is what was given."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        ctx.obj = apart(self, args)
        return super().parse_args(ctx, ctx.obj.own)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Parameters first, where the workflow was named and its files are at hand."""
        name = ctx.obj.name if isinstance(ctx.obj, Given) else None
        if name is not None and (rows := list(_rows(_parameters_of(name)))):
            with formatter.section(f"Parameters of workflow {name}"):
                formatter.write_dl(rows)
        super().format_options(ctx, formatter)


def apart(command: click.Command, args: list[str]) -> Given:
    """Take arguments apart. Raises BadOptionUsage for a parameter without a value."""
    known = {flag: each for each in command.params if isinstance(each, click.Option) for flag in each.opts}
    known["--help"] = known["-h"] = click.Option(["--help"], is_flag=True)
    own: list[str] = []
    texts: dict[str, str] = {}
    name: str | None = None
    words = deque(args)
    while words:
        word = words.popleft()
        flag, equals, value = word.partition("=")
        option = known.get(flag)
        if option is not None:
            own.append(word)
            if not (option.is_flag or equals):
                own += _value(option, words)
        elif not word.startswith("--"):
            own.append(word)
            name = name or word
        elif equals or words:
            texts[flag[2:].replace("-", "_")] = value if equals else words.popleft()
        else:
            raise click.BadOptionUsage(flag, f"{flag} lacks its value: say {flag} VALUE")
    return Given(own, texts, name)


def _value(option: click.Option, words: deque[str]) -> list[str]:
    """The value that follows an option; one whose metavar is in brackets may be left out, and is then 1."""
    if (option.metavar or "").startswith("[") and not (words and _is_number(words[0])):
        return ["1"]
    return [words.popleft()] if words else []


def _is_number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True


def _parameters_of(name: str) -> dict[str, Any]:
    """A workflow's parameters with their defaults, from its files; none where these are not to be found."""
    from penstock.simulations.finding import find, folder_of
    from penstock.simulations.source import source_in

    found: dict[str, Any] = {}
    with suppress(UserError):
        files = find(folder_of(None), name)
        found = dict(source_in(files.file()).asked)
        for each in (files.defaults, files.given):
            found |= each.parameters if each is not None else {}
    return found


def _rows(parameters: dict[str, Any]) -> list[tuple[str, str]]:
    from penstock.simulations.parameters import described

    rows = []
    for name, kind, default in described(parameters):
        flag = f"--{name.replace('_', '-')} {kind.upper()}"
        rows.append((flag, "" if default is None else f"[default: {default}]"))
    return rows
