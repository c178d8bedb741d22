"""`penstock worker [FILE|MODULE ...]`: take queued runs, and runs whose process has gone, and drive them here."""

from __future__ import annotations

import signal
import threading
from types import FrameType
from typing import TYPE_CHECKING, Any, Protocol

import click

from penstock.cli.desk import Desk, with_desk
from penstock.cli.guessing import OneOf
from penstock.cli.text import plural
from penstock.errors import SettingsError

if TYPE_CHECKING:
    from penstock.model.program import Definition


@click.command(name="worker")
@click.argument("files", nargs=-1, metavar="[FILE|MODULE ...]")
@click.option("--queues", metavar="A,B", help="Take runs of these queues alone, the first ones first.")
@click.option("--slots", type=int, default=100, show_default=True, help="How many runs at once.")
@click.option("--until-idle", is_flag=True, help="End when nothing waits and nothing runs.")
@click.option("--drain", type=float, default=10.0, show_default=True, metavar="SECONDS", help="See below.")
@click.option(
    "--executor",
    type=OneOf(["inline", "threads", "processes"]),
    default="threads",
    show_default=True,
    help="Where steps run that name none.",
)
@with_desk
def command(  # noqa: PLR0913, PLR0917 - one parameter an option
    desk: Desk,
    files: tuple[str, ...],
    queues: str | None,
    slots: int,
    until_idle: bool,
    drain: float,
    executor: str,
) -> None:
    """Drive runs that were submitted, and runs whose process has gone, until Ctrl-C or SIGTERM.

    The code of a run is taken from the files and modules named here, else from where the run recorded it. When asked to end, it
    takes no more runs, gives those under way --drain seconds to finish, and leaves the rest to other workers.
    """
    from penstock.app.worker import Worker

    if slots < 1:
        raise SettingsError(f"--slots {slots} must be at least 1")
    names = None if queues is None else [name.strip() for name in queues.split(",") if name.strip()]
    if names == []:
        raise SettingsError(
            f"--queues {queues!r} names no queue: say --queues A,B, or leave it out to take from all"
        )
    definitions = [definition for file in files for definition in _definitions_in(file)]
    with desk.open(executor=executor) as engine:
        worker = Worker(engine, definitions, queues=names, slots=slots)
        what = "all queues" if names is None else ", ".join(names)
        _say(desk, f"takes runs of {what} from {engine.address}; Ctrl-C ends it")
        with Ending(worker):
            worker.serve(until_idle=until_idle, drain_seconds=drain)
        left = len(worker.driven)
        if desk.as_json:
            desk.answer({"ended": worker.ended, "left": left})
        else:
            desk.say(f"{plural(worker.ended, 'run')} driven" + (f", {left} left to others" if left else ""))


def _definitions_in(file: str) -> list[Definition]:
    from penstock.catalogue import load_all

    return [definition for _, definition in load_all(file)]


def _say(desk: Desk, line: str) -> None:
    if not desk.as_json:
        desk.say(line)


class Stoppable(Protocol):
    """Serves until it is told to stop."""

    def stop(self) -> None: ...


class Ending:
    """While somebody serves, Ctrl-C and SIGTERM ask for its end; the second of them ends it at once."""

    def __init__(self, serving: Stoppable) -> None:
        self._serving = serving
        self._before: dict[int, Any] = {}

    def __enter__(self) -> None:
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                self._before[number] = signal.signal(number, self._asked)

    def __exit__(self, *error: object) -> None:
        self._restore()

    def _asked(self, number: int, frame: FrameType | None) -> None:
        self._restore()
        self._serving.stop()

    def _restore(self) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
