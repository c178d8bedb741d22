"""Groups of commands that list what there is when none of their commands is named: `penstock limits`, `penstock cache`."""

from __future__ import annotations

from collections.abc import Callable

import click

from penstock.cli.desk import Desk, with_desk
from penstock.cli.guessing import CommandGroup


def group_that_lists(name: str, show: Callable[[Desk], None], about: str) -> click.Group:
    """A group of that name, which is about that; its command `list` is `show`, and so is the group alone."""

    @click.group(name=name, cls=CommandGroup, invoke_without_command=True, help=about)
    @with_desk
    @click.pass_context
    def group(ctx: click.Context, /, desk: Desk) -> None:
        if ctx.invoked_subcommand is None:
            show(desk)

    group.command(name="list")(with_desk(show))
    return group
