"""`penstock diff RUN RUN`: what differs between two runs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

import click

from penstock.cli.desk import Desk, lazily, with_desk
from penstock.cli.text import clip, columns, duration

if TYPE_CHECKING:
    from penstock.app import Run
    from penstock.app.comparing import Comparison, Inside, StepDifference
    from penstock.cli.ink import Ink

MOST_PLACES: Final = 5
"""So many places are shown in which one value differs; with --json all are."""
VALUE_COLUMNS: Final = 48


@click.command(name="diff", no_args_is_help=True)
@click.argument("names", metavar="RUN [RUN]", nargs=-1, required=True, shell_complete=lazily("runs"))
@with_desk
def command(desk: Desk, names: tuple[str, ...]) -> None:
    """What differs between two runs: inputs, results, step by step, attempts, times, code.

    RUN is a run's id, a unique beginning of it, or `latest`. One that was forked is compared with what it was made of, unless
    another is named. Only what differs is told.
    """
    from penstock.app.comparing import compare
    from penstock.cli.documents import value_of

    with desk.look() as engine:
        runs = [engine.get(name) for name in names]
        if len(runs) == 1:
            runs.insert(0, engine.get(_made_of(runs[0])))
        if len(runs) > 2:
            raise click.UsageError(f"two runs can be compared; {len(runs)} were named")
        found = compare((runs[0].id, runs[1].id), runs[0].events(), runs[1].events(), value_of)
        workflow = runs[0].workflow
    if desk.as_json:
        desk.answer(_document(found))
        return
    ink = desk.ink
    desk.say(f"{ink(workflow, 'title')}  {ink(found.runs[0], 'name')} → {ink(found.runs[1], 'name')}")
    desk.say()
    if found.same:
        desk.say("  nothing differs but ids and moments")
    for line in columns([*_of_runs(found, ink), *_of_steps(found, ink)]):
        desk.say(f"  {line}")


def _made_of(run: Run[Any]) -> str:
    """The run that a fork was made of. Raises click.UsageError for another run."""
    from penstock.app.comparing import made_of

    source = made_of(run.events())
    if source is None:
        raise click.UsageError(f"run {run.id} was made of no other: name the run to compare it with")
    return source


def _document(found: Comparison) -> dict[str, Any]:
    import msgspec

    document: dict[str, Any] = msgspec.to_builtins(found)
    return {**document, "same": found.same}


def _of_runs(found: Comparison, ink: Ink) -> Iterator[list[str]]:
    for label, pair in (("workflow", found.workflow), ("status", found.status), ("error", found.error)):
        if pair is not None:
            yield _row(label, "", pair, ink)
    for name, pair in found.code.items():
        yield _row("code", name, pair, ink)
    places = {"input": found.inputs, "signal": found.signals, "tag": found.tags, "result": found.result}
    for label, inside in places.items():
        yield from _places(label, inside, ink)
    if found.seconds is not None:
        yield _took("run", found.seconds, ink)


def _of_steps(found: Comparison, ink: Ink) -> Iterator[list[str]]:
    for step in found.steps:
        yield from _of_step(step, ink)


def _of_step(step: StepDifference, ink: Ink) -> Iterator[list[str]]:
    label = f"step {step.step}"
    if step.only_in is not None:
        yield [ink(label, "name"), "", f"only in {step.only_in[:8]}"]
    for name, pair in (("status", step.status), ("error", step.error), ("attempts", step.attempts)):
        if pair is not None:
            yield _row(label, name, pair, ink)
    yield from _places(label, step.values, ink)
    if step.seconds is not None:
        yield _took(label, step.seconds, ink)


def _places(label: str, inside: tuple[Inside, ...], ink: Ink) -> Iterator[list[str]]:
    from penstock.app.comparing import fewer

    shown, more = fewer(inside, MOST_PLACES)
    for each in shown:
        yield _row(label, each.at or ("value" if label.startswith("step") else ""), each.values, ink)
    if more:
        yield [ink(label, "name"), "", ink(f"and {more:,} more places", "dim")]


def _row(label: str, what: str, pair: tuple[Any, Any], ink: Ink) -> list[str]:
    one, other = (_shown(value) for value in pair)
    return [ink(label, "name"), ink(what, "dim"), f"{one} {ink('→', 'dim')} {other}"]


def _took(label: str, pair: tuple[float, float], ink: Ink) -> list[str]:
    return [
        ink(label, "name"),
        ink("took", "dim"),
        f"{duration(pair[0])} {ink('→', 'dim')} {duration(pair[1])}",
    ]


def _shown(value: Any) -> str:
    text = value if isinstance(value, str) else repr(value)
    return clip(" ".join(text.split()), VALUE_COLUMNS)
