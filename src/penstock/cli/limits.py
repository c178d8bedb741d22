"""`penstock limits`: who holds and who waits for slots under limits; `set` and `remove` say what bounds a key."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from penstock.cli.desk import Desk, with_desk
from penstock.cli.listing import group_that_lists

if TYPE_CHECKING:
    from penstock.app.limits import KeyLimit
    from penstock.model.limits import Bounds


def _list(desk: Desk) -> None:
    """What bounds each key, how many steps hold slots and how many wait."""
    from penstock.app.limits import KeyLimits

    with desk.look() as engine:
        found = KeyLimits(engine.durable_store()).all()
    if desk.as_json:
        desk.answer([_as_data(key) for key in found])
    elif not found:
        desk.say(
            desk.ink("nothing is said of any key; bound one: penstock limits set KEY --at-most 3", "dim")
        )
    else:
        desk.table(
            ["KEY", "AT MOST", "RATE", "HELD", "WAITING", "SAID BY"], map(_row, found), right=[1, 2, 3, 4]
        )


def _row(key: KeyLimit) -> list[str]:
    at_most = "" if key.bounds.at_most is None else str(key.bounds.at_most)
    said = "the store" if key.said else "code"
    return [key.key, at_most, _rate(key.bounds), str(len(key.held)), str(key.waiting), said]


command = group_that_lists(
    "limits",
    _list,
    "Limits of this store: what bounds each key, how many steps hold slots and how many wait.",
)


def _as_data(key: KeyLimit) -> dict[str, Any]:
    return {
        "key": key.key,
        "at_most": key.bounds.at_most,
        "rate": _rate(key.bounds) or None,
        "burst": key.bounds.burst,
        "said": key.said,
        "waiting": key.waiting,
        "held": [each._asdict() for each in key.held],
    }


def _rate(bounds: Bounds) -> str:
    """A rate as people say it: the unit in which it is a plain number."""
    if bounds.rate is None:
        return ""
    for unit, seconds in (("s", 1), ("m", 60), ("h", 3600)):
        if bounds.rate * seconds >= 1:
            return f"{bounds.rate * seconds:g}/{unit}"
    return f"{bounds.rate * 86400:g}/d"


key_argument = click.argument("key", metavar="KEY")


@command.command(name="set", no_args_is_help=True)
@key_argument
@click.option(
    "--at-most",
    metavar="NUMBER",
    type=click.IntRange(min=1),
    help="How many steps at once, in all processes.",
)
@click.option("--rate", metavar="RATE", help="How many may start, such as 10/s, 600/m.")
@click.option(
    "--burst",
    metavar="NUMBER",
    type=click.IntRange(min=1),
    default=1,
    help="How many may start at once after a rest.",
)
@with_desk
def set_(desk: Desk, key: str, at_most: int | None, rate: str | None, burst: int) -> None:
    """Say what bounds KEY, for all processes and whatever code says; without options nothing does.

    A KEY that ends in `*` stands for all that begin so; `*` alone for all of which nothing else is said.
    """
    from penstock.app.limits import KeyLimits

    with desk.open() as engine:
        bounds = KeyLimits(engine.durable_store()).set(key, at_most=at_most, rate=rate, burst=burst)
    if desk.as_json:
        desk.answer({"key": key, "at_most": at_most, "rate": rate, "burst": burst})
    else:
        desk.say(f"limit {desk.ink(key, 'name')}: {_in_words(bounds)}")


def _in_words(bounds: Bounds) -> str:
    said = [] if bounds.at_most is None else [f"at most {bounds.at_most} at once"]
    if bounds.rate is not None:
        said.append(
            f"{_rate(bounds)}" + ("" if bounds.burst == 1 else f", up to {bounds.burst} after a rest")
        )
    return ", ".join(said) or "unbounded"


@command.command(name="remove", no_args_is_help=True)
@key_argument
@with_desk
def remove(desk: Desk, key: str) -> None:
    """Let code say again what bounds KEY."""
    from penstock.app.limits import KeyLimits

    with desk.open() as engine:
        removed = KeyLimits(engine.durable_store()).remove(key)
    if not removed:
        raise click.ClickException(f"nothing is said of limit {key!r} in this store; see `penstock limits`")
    if desk.as_json:
        desk.answer({"key": key, "removed": True})
    else:
        desk.say(f"limit {desk.ink(key, 'name')} is what code says")
