"""What `fork` and `rerun` share: a run made of another one, driven here or left to a worker."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

import click

from penstock.cli.board import Board
from penstock.cli.desk import Desk, executor_option, profile_option
from penstock.cli.driving import Manner, drive
from penstock.cli.files import load_file, load_recorded
from penstock.cli.guessing import OneOf
from penstock.cli.inputs import inputs_of
from penstock.cli.pairs import pairs_in
from penstock.cli.text import plural

if TYPE_CHECKING:
    from penstock.app import Engine, Run
    from penstock.app.forks import Fork, Source

Make = Callable[["Source"], "Fork"]


def remaking_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options of both commands."""
    for option in (
        executor_option,
        click.option("--durability", type=OneOf(["power", "crash"]), help="See `penstock run`."),
        profile_option,
        click.option("-v", "--verbose", is_flag=True, help="Show what steps print, as they print it."),
        click.option("-q", "--quiet", is_flag=True, help="Print the result and nothing else."),
        click.option("--tag", "tags", multiple=True, metavar="NAME=VALUE", help="Mark the new run."),
        click.option("--priority", type=int, default=0, help="Of --submit: from -100 to 100.  [default: 0]"),
        click.option("--queue", help="Of --submit: where it waits.  [default: default]"),
        click.option("--submit", is_flag=True, help="Leave it to a worker instead of running it here."),
        click.option("--file", metavar="FILE[:NAME]", help="The code, where it is not found as recorded."),
    ):
        command = option(command)
    return command


def remake(desk: Desk, name: str, make: Make, given: dict[str, Any]) -> int:
    """Make a run of the run of that name, and see to it. The exit code of the command."""
    from penstock.cli.run import tags_of

    with desk.look() as engine:
        run_id = engine.get(name).id
        definition = load_file(given["file"]) if given["file"] else load_recorded(engine, engine.get(run_id))
    tags = tags_of(definition, given["tags"])
    if given["submit"] or given["queue"]:
        _submit(desk, run_id, definition, make, tags, given)
        return 0

    def begin(engine: Engine, board: Board) -> Run[Any]:
        fork = _recorded(engine, run_id, definition, make, tags, None)
        events = engine.events_of(fork)
        for sequence, at, event in events:
            board.recorded(fork, definition.as_program().name, sequence, at, event)
        board.sit_down(time.time())
        _greet(engine, board, run_id)
        return engine.resume(fork, definition, wait=True)

    manner = Manner(quiet=given["quiet"], verbose=given["verbose"], profile=given["profile"])
    return drive(desk, manner, definition, begin, durability=given["durability"], executor=given["executor"])


def _greet(engine: Engine, board: Board, source: str) -> None:
    """Say which run this is, and what it is made of."""
    said = f"made of {source[:8]}, {plural(sum(bar.before for bar in board.bars.values()), 'step')} reused"
    for observer in engine.observers:
        greet = getattr(observer, "greet", None)
        if greet is not None:
            greet(board.run, board.workflow, said)


def _recorded(engine: Engine, run_id: str, definition: Any, make: Make, tags: Any, place: Any) -> str:
    from penstock.app.forks import source_run

    return engine.record_fork(make(source_run(engine, run_id, definition)), place, tags)


def _submit(desk: Desk, run_id: str, definition: Any, make: Make, tags: Any, given: dict[str, Any]) -> None:
    from penstock.app.forks import place_in

    queue = given["queue"] or "default"
    with desk.open() as engine:
        fork = _recorded(engine, run_id, definition, make, tags, place_in(queue, given["priority"]))
    if desk.as_json:
        desk.answer(
            {
                "run": fork,
                "workflow": definition.as_program().name,
                "queue": queue,
                "status": "pending",
                "made_of": run_id,
            }
        )
    else:
        desk.say(f"run {desk.ink(fork, 'name')}, made of {run_id[:8]}, is pending in queue {queue}")


def edits_of(definition: Any, pairs: Iterable[str]) -> dict[str, Any]:
    """What `--set NAME=VALUE` says: an input by its type, an output as JSON, else as text. Raises UserError."""
    from penstock.tasks.inputs import parse_input

    inputs = inputs_of(definition)
    edits: dict[str, Any] = {}
    for name, text in pairs_in("--set", pairs).items():
        asked = inputs.get(name.removeprefix("input.")) if name.startswith("input.") else None
        edits[name] = _plain(text) if asked is None else parse_input(str(definition.name), asked, text)
    return edits


def _plain(text: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return text
