"""What was mistyped: the name that was probably meant is said the same way everywhere."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import click


def unknown(kind: str, name: str, known: Iterable[str]) -> str:
    """`there is no command 'rum'; did you mean 'run'?`"""
    return f"there is no {kind} {name!r}; {guess(name, known)}"


def guess(name: str, known: Iterable[str], otherwise: str = "there are") -> str:
    """See wording.guess, which nobody needs to load who made no slip."""
    from penstock.model import wording

    return wording.guess(name, known, otherwise)


def unknown_option(error: click.NoSuchOption) -> str:
    """An option that is none, among those of the command that was called."""
    known: list[str] = []
    if error.ctx is not None:
        for each in error.ctx.command.get_params(error.ctx):
            known += [*each.opts, *each.secondary_opts] if isinstance(each, click.Option) else []
    long = [flag for flag in known if flag.startswith("--")]
    return unknown("option", error.option_name, long)


class OneOf(click.Choice[str]):
    """A choice that tells what was probably meant."""

    def __init__(self, choices: Sequence[str]) -> None:
        super().__init__(choices)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        if value not in self.choices:
            self.fail(f"{value!r} is none; {guess(str(value), self.choices)}", param, ctx)
        return str(value)


class CommandGroup(click.Group):
    """A group of commands."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        known = self.list_commands(ctx)
        if args and args[0] not in known and not args[0].startswith("-") and not ctx.resilient_parsing:
            raise click.UsageError(self.unknown(args[0], known), ctx)
        return super().resolve_command(ctx, args)

    def unknown(self, name: str, known: Sequence[str]) -> str:
        """What to say of a command that is none."""
        return unknown("command", name, known)
