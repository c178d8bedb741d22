"""`penstock schedule`: runs that are made when their time has come; workers fire them, and `penstock serve --schedules`."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from penstock.cli import inputs
from penstock.cli.amounts import length
from penstock.cli.desk import Desk, lazily, with_desk
from penstock.cli.guessing import CommandGroup, OneOf
from penstock.cli.run import RunCommand, tags_of
from penstock.cli.text import columns, duration, plural

if TYPE_CHECKING:
    from penstock.app.scheduling import Schedule
    from penstock.cli.ink import Ink


@click.group(name="schedule", cls=CommandGroup, no_args_is_help=True)
def command() -> None:
    """Have runs made by a cron expression, at intervals, or once.

    `penstock serve --schedules` and every `penstock worker` on the store fire what is due; each moment becomes one run.
    """


@command.command(name="add", cls=RunCommand, options_metavar="[INPUTS] [OPTIONS]", no_args_is_help=True)
@click.argument("file", metavar="FILE[:NAME]", shell_complete=lazily("files"))
@click.option("--name", help="The schedule's name.  [default: the workflow's]")
@click.option(
    "--cron", metavar="'M H D M W'", help="Minute, hour, day, month, weekday, on the clocks of --zone."
)
@click.option("--every", type=length, metavar="LENGTH", help="At intervals, such as 90s or 1h30m.")
@click.option("--at", metavar="TIME", help="Once, such as 2026-03-29T02:30.")
@click.option("--zone", default="UTC", show_default=True, help="Whose clocks, such as Europe/Rome.")
@click.option("--from", "start", metavar="TIME", help="Not before; with --every the first of them.")
@click.option("--until", metavar="TIME", help="Not after.")
@click.option(
    "--catch-up",
    type=OneOf(["none", "latest", "all"]),
    default="latest",
    show_default=True,
    help="Which moments that were missed are fired.",
)
@click.option("--at-most", type=int, default=100, show_default=True, help="How many --catch-up all fires.")
@click.option(
    "--overlap",
    type=OneOf(["allow", "skip", "cancel"]),
    default="allow",
    show_default=True,
    help="While the last run goes on: another beside it, none, or cancel it.",
)
@click.option("--jitter", type=length, default="0s", metavar="LENGTH", help="Spread runs over so long.")
@click.option("--moment-input", metavar="NAME", help="The input that is given the moment.")
@click.option("--queue", default="default", show_default=True, help="Where its runs wait.")
@click.option(
    "--priority", type=int, default=0, show_default=True, help="From -100 to 100: higher goes first."
)
@click.option("--tag", "tags", multiple=True, metavar="NAME=VALUE", help="Mark its runs; may be repeated.")
@click.option("--timeout", type=float, metavar="SECONDS", help="Each run's time.")
@click.option("--replace", is_flag=True, help="Change the schedule of that name.")
@click.option(
    "--input", "pairs", multiple=True, metavar="NAME=VALUE", help="An input whose name an option here has."
)
@with_desk
@click.pass_context
def add(ctx: click.Context, /, desk: Desk, **given: Any) -> None:
    """Have runs of the workflow in FILE made when their time has come."""
    definition = ctx.obj
    own = (
        "cron", "every", "at", "zone", "start", "until", "catch_up", "at_most", "overlap", "jitter", "moment_input", "queue",
        "priority", "timeout", "replace",
    )  # fmt: skip
    how = {name: given[name] for name in own}
    asked = inputs.inputs_of(definition)
    values = inputs.given(definition.as_program().name, asked, given, given["pairs"])
    with desk.open() as engine:
        schedule = engine.schedules.add(
            given["name"] or definition.as_program().name,
            definition,
            values,
            tags=tags_of(definition, given["tags"]),
            **how,
        )
    _answer(desk, schedule)


@command.command(name="list")
@with_desk
def list_(desk: Desk) -> None:
    """The schedules of this store."""
    with desk.look() as engine:
        found = engine.schedules.all()
        now = engine.clock.now()
    if desk.as_json:
        desk.answer([document(schedule) for schedule in found])
        return
    if not found:
        desk.say(
            desk.ink("there is no schedule; make one: penstock schedule add FILE --cron '30 2 * * *'", "dim")
        )
        return
    rows = [
        [
            each.name,
            each.workflow,
            said_of(each),
            _next(each, now, desk.ink),
            str(each.fired),
            str(each.left_out),
        ]
        for each in found
    ]
    desk.table(["SCHEDULE", "WORKFLOW", "WHEN", "NEXT", "FIRED", "LEFT OUT"], rows, right=[4, 5])


name_argument = click.argument("name", metavar="SCHEDULE", shell_complete=lazily("schedules"))


@command.command(name="show", no_args_is_help=True)
@name_argument
@click.option(
    "--next", "count", type=click.IntRange(0, 1_000), default=5, show_default=True, help="How many moments."
)
@with_desk
def show(desk: Desk, name: str, count: int) -> None:
    """What SCHEDULE does, and its next moments."""
    with desk.look() as engine:
        schedule = engine.schedules.get(name)
    moments = coming(schedule, count)
    if desk.as_json:
        desk.answer({**document(schedule), "moments": moments})
        return
    ink = desk.ink
    desk.say(f"{ink(schedule.name, 'name')}  {schedule.workflow}  {said_of(schedule)}")
    rows = [[ink(word, "dim"), text] for word, text in _facts(schedule) if text]
    for line in columns(rows, right=[]):
        desk.say(f"  {line}")
    for moment in moments:
        desk.say(f"  {_named(schedule, moment)}")


def _of_one(verb: str) -> Callable[[Callable[..., None]], click.Command]:
    """A command that is given a schedule and nothing else."""

    def command_of(function: Callable[..., None]) -> click.Command:
        return command.command(name=verb, no_args_is_help=True)(name_argument(with_desk(function)))

    return command_of


@_of_one("pause")
def pause(desk: Desk, name: str) -> None:
    """Fire no moment of SCHEDULE until it is resumed."""
    with desk.look() as engine:
        _answer(desk, engine.schedules.pause(name))


@_of_one("resume")
def resume(desk: Desk, name: str) -> None:
    """Fire the moments of SCHEDULE again; those that came meanwhile are left out."""
    with desk.look() as engine:
        _answer(desk, engine.schedules.resume(name))


@_of_one("remove")
def remove(desk: Desk, name: str) -> None:
    """Forget SCHEDULE; its runs stay."""
    with desk.look() as engine:
        engine.schedules.remove(name)
    if desk.as_json:
        desk.answer({"schedule": name, "removed": True})
    else:
        desk.say(f"schedule {desk.ink(name, 'name')} is removed")


@command.command(name="backfill", no_args_is_help=True)
@name_argument
@click.option("--from", "start", metavar="TIME", required=True, help="The first moment, or one before it.")
@click.option("--until", metavar="TIME", required=True, help="The last moment, or one after it.")
@with_desk
def backfill(desk: Desk, name: str, start: str, until: str) -> None:
    """Make a run for each moment of SCHEDULE in a range that has none yet, whatever its policies say."""
    with desk.look() as engine:
        made, before = engine.schedules.backfill(name, start, until)
    if desk.as_json:
        desk.answer({"schedule": name, "runs": made, "before": before})
        return
    also = f"; {plural(before, 'moment')} had one before" if before else ""
    desk.say(f"{plural(len(made), 'run')} of schedule {desk.ink(name, 'name')} made{also}")


def document(schedule: Schedule) -> dict[str, Any]:
    """A schedule for programs."""
    import msgspec

    plain: dict[str, Any] = msgspec.to_builtins(schedule)
    return {"schedule": plain.pop("name"), **plain, "inputs": msgspec.json.decode(schedule.inputs)}


def said_of(schedule: Schedule) -> str:
    """When a schedule is due, in words."""
    from penstock.app.scheduling.rules import Cron, Every

    match schedule.rule:
        case Cron(expression, zone):
            return f"{expression}  {zone}"
        case Every(seconds, _):
            return f"every {duration(seconds)}"
        case once:
            return f"once at {_named(schedule, once.at)}"


def coming(schedule: Schedule, count: int) -> list[float]:
    """The next moments of a schedule."""
    from itertools import islice

    from penstock.app.scheduling.rules import between

    if schedule.next is None:
        return []
    until = float("inf") if schedule.until is None else schedule.until
    return list(islice(between(schedule.rule, schedule.next, until), count))


def _facts(schedule: Schedule) -> list[tuple[str, str]]:
    bound = f", {schedule.at_most} at most" if schedule.catch_up == "all" else ""
    last = "" if schedule.last is None else f"{_named(schedule, schedule.last)}, run {schedule.last_run}"
    return [
        ("inputs", schedule.inputs if schedule.inputs != "{}" else ""),
        ("moment", f"is input {schedule.moment_input}" if schedule.moment_input else ""),
        ("queue", schedule.queue),
        ("missed", f"{schedule.catch_up}{bound}"),
        ("overlap", schedule.overlap),
        ("jitter", f"up to {duration(schedule.jitter)}" if schedule.jitter else ""),
        ("until", "" if schedule.until is None else _named(schedule, schedule.until)),
        ("fired", f"{schedule.fired}, {schedule.left_out} left out"),
        ("last", last),
        ("state", _state(schedule)),
    ]


def _state(schedule: Schedule) -> str:
    if schedule.next is None:
        return "done"
    return f"paused: penstock schedule resume {schedule.name}" if schedule.paused else ""


def _next(schedule: Schedule, now: float, ink: Ink) -> str:
    if schedule.next is None:
        return ink("done", "dim")
    if schedule.paused:
        return ink("paused", "warn")
    return f"in {duration(schedule.next - now)}" if schedule.next > now else "now"


def _named(schedule: Schedule, moment: float) -> str:
    from penstock.app.scheduling.rules import named, zone_of

    return named(moment, zone_of(schedule.rule))


def _answer(desk: Desk, schedule: Schedule) -> None:
    if desk.as_json:
        desk.answer(document(schedule))
        return
    if schedule.next is None:
        state = "is done"
    elif schedule.paused:
        state = "is paused"
    else:
        state = f"is due next at {_named(schedule, schedule.next)}"
    desk.say(f"schedule {desk.ink(schedule.name, 'name')} of {schedule.workflow} {state}")
