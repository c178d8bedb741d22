"""`penstock events RUN`: a run's log, as recorded."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import takewhile
from typing import TYPE_CHECKING, Any

import click

from penstock.cli.desk import Desk, run_argument, with_desk
from penstock.cli.guessing import unknown
from penstock.cli.ink import Ink, terminal_width
from penstock.cli.text import clip, number, pad
from penstock.model.changes import Row
from penstock.model.events import KINDS

if TYPE_CHECKING:
    from penstock.app import Engine

PAGE = 10_000

_STYLES = {"done": "good", "failed": "bad", "cancelled": "warn", "paused": "warn", "reopened": "warn"}


@click.command(name="events", no_args_is_help=True)
@run_argument
@click.option("-f", "--follow", is_flag=True, help="Go on until the run has finished.")
@click.option(
    "--kind", "kinds", multiple=True, metavar="KIND", help="Only events of this kind; may be repeated."
)
@with_desk
def command(desk: Desk, name: str, follow: bool, kinds: tuple[str, ...]) -> None:
    """The log of RUN, event by event, in order. RUN's state is nothing but the sum of these.

    RUN is a run's id, a unique beginning of it, or `latest`. With --json each event is a JSON line.
    """
    _check(kinds)
    tell = _as_json if desk.as_json else _for_people(desk.ink)
    with desk.look() as engine:
        run_id = engine.get(name).id
        for row in _rows(engine, run_id, follow):
            if not kinds or row.kind in kinds:
                desk.say(tell(row))


def _check(kinds: Iterable[str]) -> None:
    for kind in kinds:
        if kind not in KINDS:
            raise click.BadParameter(unknown("kind", kind, KINDS), param_hint="--kind")


def _rows(engine: Engine, run_id: str, following: bool) -> Iterator[Row]:
    store = engine.durable_store()

    def read(after: int) -> Sequence[Row]:
        return store.read(run_id, after, PAGE)

    if following:
        from penstock.cli.following import follow

        yield from follow(engine, run_id, read)
        return
    after = 0
    while rows := read(after):
        yield from rows
        after = rows[-1].sequence


def _as_json(row: Row) -> str:
    said = {"sequence": row.sequence, "at": row.at, "kind": row.kind, "step": row.step, "item": row.item}
    return f'{json.dumps(said, ensure_ascii=False)[:-1]}, "data": {row.body}}}'


def _for_people(ink: Ink) -> Callable[[Row], str]:
    room = terminal_width() - 64

    def line(row: Row) -> str:
        at = time.strftime("%H:%M:%S", time.localtime(row.at)) + f"{row.at % 1:.3f}"[1:]
        step = "" if row.step is None else row.step if row.item is None else f"{row.step}[{row.item}]"
        style = _STYLES.get(row.kind.rpartition("_")[2])
        kind = pad(ink(row.kind, style) if style else row.kind, 14)
        count = f"{number(row.sequence):>6}"
        said = ink(clip(_said(row), max(20, room)), "dim")
        return f"{ink(count, 'dim')}  {ink(at, 'dim')}  {kind}  {pad(clip(step, 22), 22)}  {said}".rstrip()

    return line


def _said(row: Row) -> str:
    """What the event holds, in a few words."""
    body: dict[str, Any] = json.loads(row.body)
    if row.kind == "step_started":
        return f"attempt {body['attempt']}" if body.get("attempt", 1) > 1 else ""
    if "error" in body:
        from penstock.cli.rows import told

        return told(body["error"]["type"], body["error"].get("message", ""))
    told_of = next((body[name] for name in ("value", "input", "reason", "data") if name in body), None)
    from penstock.codecs.preview import preview

    return (
        preview(json.dumps(told_of), 200)
        if told_of is not None
        else "".join(takewhile(bool, [body.get("topic", "")]))
    )
