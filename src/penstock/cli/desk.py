"""What every command is given: the store, how to answer, and how to name the next command."""

from __future__ import annotations

import functools
import json
import shlex
import sys
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

import click

from penstock.cli.guessing import OneOf
from penstock.cli.ink import Ink, ink_for
from penstock.cli.opening import engine_if_there, engine_on, missing_file
from penstock.cli.text import columns
from penstock.errors import RunNotFound

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

    from penstock.app import Engine, Run


class Desk:
    """`store` as given (None: the default place); `as_json`: answer for programs."""

    def __init__(self, store: str | None, *, as_json: bool) -> None:
        self.store = store
        self.as_json = as_json

    @functools.cached_property
    def ink(self) -> Ink:
        """What standard output can show."""
        return ink_for(sys.stdout)

    def open(self, **options: Any) -> Engine:
        """An engine on the store, which is made if it is not there."""
        return engine_on(self.store, **options)

    def look(self) -> Engine:
        """An engine to look at runs with. Raises RunNotFound, and makes nothing, where there is no store yet."""
        if (missing := missing_file(self.store)) is not None:
            raise RunNotFound(
                f"there is no store yet at {missing}: `penstock run FILE` makes one, --store names another"
            )
        return self.open()

    def look_if_there(self) -> Engine | None:
        """An engine to look at runs with, if there is a store."""
        return engine_if_there(self.store)

    def command(self, name: str, run: str, *more: str) -> str:
        """A command line to type next."""
        return self.line(shlex.join([name, run[:8], *more]))

    def line(self, words: str) -> str:
        """`penstock` and these words, on the same store."""
        return f"penstock {words}" + (f" --store {shlex.quote(self.store)}" if self.store is not None else "")

    def say(self, text: str = "") -> None:
        """Print a line for people."""
        click.echo(text, color=True)

    def table(self, heads: Sequence[str], rows: Iterable[Sequence[str]], right: Iterable[int] = ()) -> None:
        """Print rows under their heads; the columns numbered in `right` are flush right."""
        for line in columns([[self.ink(head, "dim") for head in heads], *rows], right):
            self.say(line)

    def answer(self, document: Any) -> None:
        """Print one JSON document, in one line."""
        click.echo(json.dumps(document, ensure_ascii=False, default=str))


def with_desk(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add --store, --json and --debug to a command, which is given a Desk first."""

    @functools.wraps(command)
    def at_desk(*, store: str | None, as_json: bool, debug: bool, **options: Any) -> Any:
        ctx = click.get_current_context()
        return command(Desk(_said(ctx, "store"), as_json=bool(_said(ctx, "as_json"))), **options)

    for option in (
        click.option("--debug", is_flag=True, help="Show tracebacks of Penstock's own."),
        click.option("--json", "as_json", is_flag=True, help="Answer in JSON."),
        click.option(
            "--store",
            metavar="WHERE",
            help="Where runs are kept.  [default: .penstock/]",
            shell_complete=lazily("stores"),
        ),
    ):
        at_desk = option(at_desk)
    return at_desk


def _said(ctx: click.Context, name: str) -> Any:
    """What an option says that may also stand before the command, as in `penstock queues --store X pause NAME`."""
    found = ctx.params.get(name)
    return found if found or ctx.parent is None else _said(ctx.parent, name)


def lazily(name: str) -> Callable[[click.Context, click.Parameter, str], list[CompletionItem]]:
    """What the function of that name in `completing` offers; loaded when a shell asks."""

    def offered(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        from penstock.cli import completing

        found: list[CompletionItem] = getattr(completing, name)(ctx, param, incomplete)
        return found

    return offered


run_argument = click.argument("name", metavar="RUN", shell_complete=lazily("runs"))
"""A run's id, a unique beginning of it, or `latest`."""


executor_option = click.option(
    "--executor",
    type=OneOf(["inline", "threads", "processes"]),
    help="Where steps run that name none.  [default: inline, one by one]",
)
"""Of the commands that drive a run."""


profile_option = click.option("--profile", is_flag=True, help="Show where the time went, step by step.")
"""Of the commands that tell how a run went."""


def row_of(engine: Engine, run: Run[Any]) -> dict[str, Any]:
    """The run's row in table `runs`."""
    row: dict[str, Any] = engine.durable_store().get("runs", [run.id])[run.id]
    return row
