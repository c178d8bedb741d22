"""What a shell is offered when somebody presses Tab: runs, files with workflows, steps, stores.

Nothing is made and nothing is said here: where an answer cannot be found, none is given.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click
from click.shell_completion import CompletionItem

from penstock.cli.opening import engine_if_there
from penstock.cli.text import age

if TYPE_CHECKING:
    from penstock.app import Engine

VARIABLE = "_PENSTOCK_COMPLETE"
"""Set while a shell asks."""

_MOST_RUNS = 50


def runs(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """`latest`, and the newest runs whose id begins so, each with its workflow and status."""
    engine = _engine(ctx)
    if engine is None:
        return []
    with engine:
        store = engine.durable_store()
        rows = store.find("runs", prefix=incomplete, limit=_MOST_RUNS, newest_first=True)
        found = [CompletionItem(row["id"], help=_told(row)) for row in rows]
        if "latest".startswith(incomplete) and store.find("runs", limit=1):
            found.insert(0, CompletionItem("latest", help="the newest"))
    return found


def steps(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """The steps of the run that was named before."""
    name = ctx.params.get("name")
    engine = _engine(ctx) if name else None
    if engine is None:
        return []
    with engine:
        known = [view.name for view in engine.get(str(name)).steps.values()]
    return [CompletionItem(step) for step in known if step.startswith(incomplete)]


def schedules(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Schedules, each with its workflow."""
    engine = _engine(ctx)
    if engine is None:
        return []
    with engine:
        known = engine.schedules.all()
    return [
        CompletionItem(each.name, help=each.workflow) for each in known if each.name.startswith(incomplete)
    ]


def files(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Python files and folders, completed by the shell itself."""
    return [CompletionItem(incomplete, type="file")]


def stores(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Words that name a store; files are completed by the shell itself."""
    words = [word for word in ("ephemeral",) if incomplete and word.startswith(incomplete)]
    return [CompletionItem(word) for word in words] or [CompletionItem(incomplete, type="file")]


def _engine(ctx: click.Context) -> Engine | None:
    """An engine to look at runs with; None where there is no store."""
    return engine_if_there(ctx.params.get("store"))


def _told(row: dict[str, Any]) -> str:
    import time

    return f"{row['workflow']}, {row['status']}, {age(time.time() - row['created'])}"
