"""`penstock prune`: delete finished runs by age, number, tags, status or workflow."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from penstock.cli.amounts import length
from penstock.cli.desk import Desk, with_desk
from penstock.cli.guessing import OneOf
from penstock.cli.run import tags_of
from penstock.cli.text import age, duration, plural

if TYPE_CHECKING:
    from penstock.app.retention import Pruned, Terms


@click.command(name="prune", no_args_is_help=True)
@click.option(
    "--older-than", type=length, metavar="LENGTH", help="That ended so long ago, such as 30d or 12h."
)
@click.option("--keep", type=int, metavar="NUMBER", help="But for the newest so many of each workflow.")
@click.option(
    "--tag", "tags", multiple=True, metavar="NAME=VALUE", help="That have this tag; may be repeated."
)
@click.option(
    "--status",
    "statuses",
    multiple=True,
    type=OneOf(["completed", "failed", "cancelled"]),
    help="That ended so; may be repeated.  [default: any of them]",
)
@click.option("--workflow", metavar="NAME", help="Of this workflow.")
@click.option("--dry-run", is_flag=True, help="Say what would go, and delete nothing.")
@click.option("--history", is_flag=True, help="Show what was deleted before, and delete nothing.")
@with_desk
def command(desk: Desk, *, history: bool, tags: tuple[str, ...], **given: Any) -> None:
    """Delete finished runs for which everything holds that is said here.

    They go with all that is theirs: events, output, and values that no other run names. Runs that have not finished stay. What
    was deleted is recorded.
    """
    with desk.look() as engine:
        if history:
            _show_history(desk, engine.prunings(), engine.clock.now())
            return
        pruned = engine.prune(tags=tags_of(None, tags), **given)
    if desk.as_json:
        desk.answer(document(pruned))
        return
    workflows = ", ".join(f"{count} of {name}" for name, count in pruned.workflows.items())
    of = f": {workflows}" if workflows else ""
    if pruned.deleted is None:
        desk.say(
            f"{plural(pruned.found, 'run')} would be deleted{of}" if given["dry_run"] else "no run to delete"
        )
    else:
        desk.say(f"{plural(pruned.deleted, 'run')} deleted{of}")


def document(pruned: Pruned) -> dict[str, Any]:
    """A deletion for programs."""
    import msgspec

    found: dict[str, Any] = msgspec.to_builtins(pruned)
    return found


def _show_history(desk: Desk, found: list[Pruned], now: float) -> None:
    if desk.as_json:
        desk.answer([document(pruned) for pruned in found])
        return
    if not found:
        desk.say(desk.ink("nothing was deleted from this store", "dim"))
        return
    rows = [
        [age(now - each.at), str(each.found if each.deleted is None else each.deleted), _said(each.terms)]
        for each in found
    ]
    desk.table(["WHEN", "RUNS", "WHICH"], rows, right=[1])


def _said(terms: Terms) -> str:
    parts = [
        f"--older-than {duration(terms.older_than).replace(' ', '')}" if terms.older_than is not None else "",
        f"--keep {terms.keep}" if terms.keep is not None else "",
        *(f"--tag {name}={value}" for name, value in terms.tags.items()),
        *(f"--status {status}" for status in terms.statuses),
        f"--workflow {terms.workflow}" if terms.workflow is not None else "",
    ]
    return " ".join(part for part in parts if part)
