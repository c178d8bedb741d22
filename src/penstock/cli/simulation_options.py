"""The options of commands that execute simulated workflows: which workflow with what, and how much it may take."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import click

_CHOICE: Final = (
    click.argument("name", metavar="NAME"),
    click.option(
        "--version", metavar="VERSION", help="Which version; the configuration's own unless it is said."
    ),
    click.option("--config", metavar="FILE", help="A TOML file whose values go over the stored ones."),
    click.option(
        "--set", "pairs", multiple=True, metavar="NAME=VALUE", help="A parameter whose name an option has."
    ),
    click.option("--seed", type=int, default=0, metavar="N", help="Decides all chance.  [default: 0]"),
)
_BOUNDS: Final = (
    click.option("--time-limit", type=float, metavar="SECONDS", help="Of wall time.  [default: 3600]"),
    click.option("--memory-limit", type=int, metavar="MB", help="Of memory.  [default: 1024]"),
    click.option("--event-limit", type=int, metavar="N", help="Of SimPy's events.  [default: 100000000]"),
    click.option(
        "--workflows", metavar="FOLDER", help="Where workflows' files are.  [default: workflows/, upward]"
    ),
)


def with_choice(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add NAME and the options that say which version, with what values and which chance."""
    return _with(_CHOICE, command)


def with_bounds(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options of which `limits_of` makes limits, and --workflows."""
    return _with(_BOUNDS, command)


def _with(options: tuple[Callable[[Any], Any], ...], command: Callable[..., Any]) -> Callable[..., Any]:
    for option in reversed(options):
        command = option(command)
    return command


def limits_of(given: dict[str, Any]) -> Any:
    """The limits that were said, over the usual ones; None where none was. In real time an execution may take its time."""
    from penstock.simulations import Limits

    said = {
        "seconds": given["time_limit"],
        "memory_mb": given["memory_limit"],
        "events": given["event_limit"],
    }
    changed = {name: value for name, value in said.items() if value is not None}
    if not changed:
        return None
    usual = Limits() if given["realtime"] is None else Limits(seconds=None)
    return usual._replace(**changed)
