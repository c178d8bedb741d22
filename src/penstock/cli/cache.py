"""`penstock cache`: the results that steps leave to other runs; `clear` forgets them."""

from __future__ import annotations

import click

from penstock.cli.desk import Desk, with_desk
from penstock.cli.listing import group_that_lists
from penstock.cli.text import age, plural


def _list(desk: Desk) -> None:
    """How many results of each function there are, how many have expired, and when the newest was made."""
    from penstock.app.results import kept

    with desk.look() as engine:
        store = engine.durable_store()
        now, found = store.now(), kept(store)
    if desk.as_json:
        desk.answer([each._asdict() for each in found])
    elif not found:
        desk.say(desk.ink("no results are kept; have some: @task(cache=True)", "dim"))
    else:
        desk.table(
            ["FUNCTION", "RESULTS", "EXPIRED", "NEWEST", "OF RUN"],
            [
                [each.function, str(each.results), str(each.expired), age(now - each.newest), each.run[:8]]
                for each in found
            ],
            right=[1, 2],
        )


command = group_that_lists(
    "cache", _list, "The results of this store that steps leave to other runs, by function."
)


@command.command(name="clear")
@click.argument("functions", metavar="[FUNCTION]...", nargs=-1)
@click.option("--expired", is_flag=True, help="Only those whose time is up.")
@click.option("--all", "everything", is_flag=True, help="Those of all functions.")
@with_desk
def clear(desk: Desk, *, functions: tuple[str, ...], expired: bool, everything: bool) -> None:
    """Forget the results of FUNCTION, so that its steps run again. Runs that used them stay as they are."""
    from penstock.app.results import forget

    if not (functions or expired or everything):
        raise click.UsageError(
            "say whose results: name a function of `penstock cache`, or say --all or --expired"
        )
    with desk.open() as engine:
        gone = forget(engine.durable_store(), functions, expired=expired)
    if desk.as_json:
        desk.answer({"forgotten": gone})
    else:
        desk.say(f"{plural(gone, 'result')} forgotten")
