"""`penstock logs RUN [STEP]`: what steps printed and logged."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from penstock.cli.desk import Desk, lazily, run_argument, with_desk
from penstock.cli.guessing import guess
from penstock.cli.ink import Ink
from penstock.errors import RunNotFound

if TYPE_CHECKING:
    from penstock.app import Engine

PAGE = 10_000

Line = tuple[Any, ...]
"""(number, step, item, attempt, at, stream, text), see Store.read_logs."""


@click.command(name="logs", no_args_is_help=True)
@run_argument
@click.argument("step", required=False, shell_complete=lazily("steps"))
@click.option("-f", "--follow", is_flag=True, help="Go on until the run has finished.")
@with_desk
def command(desk: Desk, name: str, step: str | None, follow: bool) -> None:
    """What the steps of RUN, or STEP alone, printed and logged.

    RUN is a run's id, a unique beginning of it, or `latest`. With --json each line is a JSON line.
    """
    with desk.look() as engine:
        run_id = engine.get(name).id
        said = False
        for line in _lines(engine, run_id, step, follow):
            said = True
            desk.say(_as_json(line) if desk.as_json else _for_people(line, desk.ink))
        if not said and not desk.as_json:
            desk.say(desk.ink(_nothing(engine, run_id, step), "dim"))


def _lines(engine: Engine, run_id: str, step: str | None, following: bool) -> Iterator[Line]:
    if not following:
        yield from lines_of(engine, run_id, step)
        return
    from penstock.cli.following import follow

    store = engine.durable_store()
    yield from follow(engine, run_id, lambda after: store.read_logs(run_id, step, after, PAGE))


def lines_of(engine: Engine, run_id: str, step: str | None = None) -> Iterator[Line]:
    """All that is kept of what a run's steps, or one of them, printed; a page at a time."""
    store, after = engine.durable_store(), 0
    while found := store.read_logs(run_id, step, after, PAGE):
        yield from found
        after = found[-1][0]


def _as_json(line: Line) -> str:
    _, step, item, attempt, at, stream, text = line
    said = {"step": step, "item": item, "attempt": attempt, "at": at, "stream": stream, "text": text}
    return json.dumps(said, ensure_ascii=False)


def _for_people(line: Line, ink: Ink) -> str:
    _, step, item, attempt, at, stream, text = line
    clock = time.strftime("%H:%M:%S", time.localtime(at))
    name = step if item is None else f"{step}[{item}]"
    again = f" attempt {attempt}" if attempt > 1 else ""
    shown = ink(text, "warn") if stream == "stderr" else text
    return f"{ink(clock, 'dim')}  {ink(name + again, 'name')}  {shown}"


def _nothing(engine: Engine, run_id: str, step: str | None) -> str:
    """Why there is nothing. Raises RunNotFound if the step's name is wrong."""
    if step is None:
        return "its steps printed nothing"
    names = list(engine.steps_of(run_id))
    if step in names:
        return f"step {step!r} printed nothing"
    raise RunNotFound(f"run {run_id} has no step {step!r}; {guess(step, names, 'it has')}")
