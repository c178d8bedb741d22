"""`penstock queues`: what waits where; `pause`, `resume` and `set` change a queue while workers run."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from penstock.cli.desk import Desk, with_desk
from penstock.cli.listing import group_that_lists

if TYPE_CHECKING:
    from penstock.app.queues import Queue
    from penstock.cli.ink import Ink


def _list(desk: Desk) -> None:
    """What each queue holds: how many runs wait and run, what bounds them, and whether it is paused."""
    from penstock.app.queues import Queues

    with desk.look() as engine:
        found = Queues(engine).all()
    if desk.as_json:
        desk.answer([queue._asdict() for queue in found])
    elif not found:
        desk.say(desk.ink("nothing waits; put a run into a queue: penstock submit FILE", "dim"))
    else:
        heads = ["QUEUE", "WAITING", "RUNNING", "AT MOST", "RATE", ""]
        desk.table(heads, (_row(queue, desk.ink) for queue in found), right=[1, 2, 3, 4])


def _row(queue: Queue, ink: Ink) -> list[str]:
    bound = "" if queue.concurrency is None else str(queue.concurrency)
    state = ink("paused", "warn") if queue.paused else ""
    return [queue.name, str(queue.waiting), str(queue.running), bound, queue.rate or "", state]


command = group_that_lists("queues", _list, "Queues of this store: how many runs wait and run in each.")


queue_argument = click.argument("queue", metavar="QUEUE")


@command.command(name="pause", no_args_is_help=True)
@queue_argument
@with_desk
def pause(desk: Desk, queue: str) -> None:
    """Take no more runs from QUEUE; those under way go on."""
    from penstock.app.queues import Queues

    with desk.open() as engine:
        Queues(engine).pause(queue)
    _tell(desk, queue, "paused")


@command.command(name="resume", no_args_is_help=True)
@queue_argument
@with_desk
def resume(desk: Desk, queue: str) -> None:
    """Take runs from QUEUE again."""
    from penstock.app.queues import Queues

    with desk.open() as engine:
        Queues(engine).resume(queue)
    _tell(desk, queue, "open")


@command.command(name="set", no_args_is_help=True)
@queue_argument
@click.option("--concurrency", metavar="NUMBER|none", help="How many of its runs at once, in all workers.")
@click.option(
    "--rate", metavar="RATE|none", help="How many of its runs may begin, in all workers, such as 10/s, 600/m."
)
@click.option(
    "--burst",
    metavar="NUMBER",
    type=click.IntRange(min=1),
    help="With --rate: how many may begin at once after a rest. [default: 1]",
)
@with_desk
def set_(desk: Desk, queue: str, concurrency: str | None, rate: str | None, burst: int | None) -> None:
    """Bound how many runs of QUEUE are under way at once, or begin, in all workers together, also while they run."""
    from penstock.app.queues import Queues

    if concurrency is None and rate is None:
        raise click.UsageError("say what bounds the queue: --concurrency 3, --rate 10/s, or none for either")
    if burst is not None and rate in (None, "none"):
        raise click.UsageError("--burst goes with a --rate, such as --rate 10/s --burst 5")
    bound = None if concurrency is None else _bound(concurrency)
    said = []
    with desk.open() as engine:
        queues = Queues(engine)
        if rate is not None:
            queues.pace(queue, None if rate == "none" else rate, burst or 1)
            said.append("begun at any rate" if rate == "none" else f"begun at {rate}")
        if concurrency is not None:
            queues.bound(queue, bound)
            said.insert(0, "unbounded" if concurrency == "none" else f"bounded to {concurrency}")
    _tell(desk, queue, ", ".join(said))


def _bound(text: str) -> int | None:
    if text == "none":
        return None
    if not text.isdecimal() or not int(text):
        raise click.BadParameter(f"{text!r} must be a number above 0, or none", param_hint="--concurrency")
    return int(text)


def _tell(desk: Desk, queue: str, state: str) -> None:
    if desk.as_json:
        desk.answer({"queue": queue, "state": state})
    else:
        desk.say(f"queue {desk.ink(queue, 'name')} is {state}")
