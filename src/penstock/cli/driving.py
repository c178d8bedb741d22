"""Drives a run from the command line: what `run` and `resume` share. Shows progress, ends cleanly, says what to do next."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Protocol

from penstock.cli import closing, ending
from penstock.cli.board import Board
from penstock.cli.desk import Desk
from penstock.cli.ink import is_live, terminal_width
from penstock.cli.lines import Lines
from penstock.cli.rows import Look, rows
from penstock.cli.text import plural
from penstock.errors import RunCancelled, RunFailed, UserError, WorldError

if TYPE_CHECKING:
    from penstock.app import Engine, Run
    from penstock.cli.profiling import Told
    from penstock.model import events as e

Begin = Callable[["Engine", Board], "Run[Any]"]
"""Drives a run on this thread until it has ended; told its events on the way, the board is right."""


class View(Protocol):
    """How progress is shown."""

    def start(self) -> None: ...
    def stop(self) -> None: ...
    def say(self, lines: list[str]) -> None:
        """Print lines for good."""


class Silent:
    """The view of --quiet and --json. See View."""

    def start(self) -> None: ...
    def stop(self) -> None: ...
    def say(self, lines: list[str]) -> None: ...


class Manner:
    """How a command tells of a run: `quiet` prints nothing but the result, `verbose` what steps print as well.

    `profile` says at the end where the time went.
    """

    def __init__(self, *, quiet: bool = False, verbose: bool = False, profile: bool = False) -> None:
        self.quiet = quiet
        self.verbose = verbose
        self.profile = profile


class Watcher:
    """An Observer and a watcher of one engine: keeps the board and the view up to date."""

    def __init__(self, desk: Desk, manner: Manner, board: Board) -> None:
        self.desk = desk
        self.manner = manner
        self.board = board
        self.printed = 0
        self.greeted = False
        self.live = is_live(sys.stdout) and not (desk.as_json or manner.quiet)
        self.view: View = self._make_view()

    def _make_view(self) -> View:
        if self.desk.as_json or self.manner.quiet:
            return Silent()
        if self.live:
            from penstock.cli.live import Live

            return Live(self.board, self.desk.ink)
        return Lines(self.board, self.desk.ink, self._print)

    def _print(self, line: str) -> None:
        """A run goes on though nobody listens any more."""
        try:
            self.desk.say(line)
        except BrokenPipeError:
            ending.pipe_closed()

    def recorded(self, run: str, workflow: str, sequence: int, at: float, event: e.Event) -> None:
        """See Observer.recorded."""
        self.board.recorded(run, workflow, sequence, at, event)
        if not self.greeted:
            self.greet(run, workflow)
        if isinstance(self.view, Lines):
            self.view.recorded(run, workflow, sequence, at, event)

    def greet(self, run: str, workflow: str, said: str = "") -> None:
        """Say which run this is, as soon as it is recorded."""
        self.greeted = True
        ink = self.desk.ink
        before = sum(bar.before for bar in self.board.bars.values())
        said = said or (f"goes on, {plural(before, 'step')} done before" if before else "")
        self.view.say([f"{ink(workflow, 'title')}  run {ink(run, 'name')}  {ink(said, 'dim')}".rstrip()])

    def heard(self, run: str, step: str, item: int | None, kind: str, payload: Any) -> None:
        """What the engine tells its watchers: a step's progress, the lines it printed."""
        if kind == "lines":
            self.printed += len(payload)
            if self.manner.verbose:
                self.view.say(list(self._printed(step, item, payload)))
        elif kind == "progress" and step in self.board.bars:
            self.board.bars[step].note = _note(payload)

    def _printed(self, step: str, item: int | None, lines: list[tuple[float, str, str]]) -> Iterator[str]:
        name = step if item is None else f"{step}[{item}]"
        for _, _, text in lines:
            yield from (self.desk.ink(f"  {name} | {line}", "dim") for line in text.split("\n"))


def plan_of(definition: Any) -> list[tuple[str, bool]]:
    """The steps that a definition is known to have, and which of them are maps; none where only running it tells."""
    from penstock.model.outline import STEPS, flat, graph_of

    try:
        graph = graph_of(definition)
    except UserError:  # what it is to do depends on what it is given: the run says what is wrong
        return []
    nodes = [] if graph is None else flat(graph).nodes
    return [(node.name, node.kind == "map") for node in nodes if node.kind in STEPS]


def drive(desk: Desk, manner: Manner, definition: Any, begin: Begin, **options: Any) -> int:
    """Open an engine, drive a run with it, and say how it ended. The exit code of the command.

    `definition` is the run's code, where it is needed and at hand.
    """
    plan = [] if definition is None else plan_of(definition)
    watcher = Watcher(desk, manner, _logged(plan) if manner.profile else Board(plan))
    left = False
    watcher.view.start()
    try:
        _drive(watcher, begin, options)
    except KeyboardInterrupt:
        left = True
    finally:
        watcher.view.stop()
    told = _profile(watcher.board, definition) if manner.profile else None
    code = _left(desk, manner, watcher, told) if left else _over(desk, manner, watcher, told)
    if told is not None and not desk.as_json:
        for line in told.lines(desk.ink):
            print(line, file=sys.stderr if manner.quiet else sys.stdout)
    return code


def _drive(watcher: Watcher, begin: Begin, options: dict[str, Any]) -> None:
    """Raises what took the run away unfinished."""
    from penstock.app.continuing import follow

    desk, board = watcher.desk, watcher.board
    with desk.open(observers=[watcher], **options) as engine:
        engine.watchers.append(watcher.heard)
        board.size_of = lambda step: engine.get(board.run).size_of(step)
        try:
            run = begin(engine, board)
            with suppress(RunFailed, RunCancelled):
                follow(engine, run)
        except WorldError as error:
            if board.run and closing.kept(desk):
                error.add_note(f"go on: {desk.command('resume', board.run)}")
            raise
        if not board.events:  # its key had been used before
            _catch_up(run, board)


def _catch_up(run: Run[Any], board: Board) -> None:
    for sequence, at, event in run.events():
        board.recorded(run.id, run.workflow, sequence, at, event)


def _logged(plan: list[tuple[str, bool]]) -> Board:
    from penstock.cli.profiling import LoggedBoard

    return LoggedBoard(plan)


def _profile(board: Board, definition: Any) -> Told:
    from penstock.cli.profiling import LoggedBoard, Told

    assert isinstance(board, LoggedBoard)
    reason = f"the run had ended before; see penstock show {board.run[:8]} --profile"
    return Told(board.log, definition, time.time(), reason)


def _over(desk: Desk, manner: Manner, watcher: Watcher, told: Told | None) -> int:
    board = watcher.board
    if not watcher.greeted:  # nothing was recorded
        watcher.greet(board.run, board.workflow, "had ended before: nothing was run")
    code = ending.CODE_OF[board.status]
    if desk.as_json:
        _answer(board, desk, told)
    elif manner.quiet:
        _quietly(board, desk)
    else:
        if watcher.live:
            _steps(board, desk)
        for line in closing.ended(board, desk, printed=watcher.printed):
            desk.say(line)
    return code


def _answer(board: Board, desk: Desk, told: Told | None) -> None:
    from penstock.cli.documents import run_document

    profile = {} if told is None else {"profile": told.document()}
    desk.answer(run_document(board, desk) | profile)


def _steps(board: Board, desk: Desk) -> None:
    desk.say()
    now = board.ended or time.time()
    blamed = board.error.step if board.error is not None else None
    look = Look(desk.ink, terminal_width() - 3, now, over=True, blamed=blamed)
    for line in rows(board.bars.values(), look):
        desk.say(f" {line}")
    desk.say()


def _quietly(board: Board, desk: Desk) -> None:
    """The result alone; of a failure what went wrong, on stderr."""
    if board.status == "completed":
        if board.value is not None:
            desk.say(closing.shown(board.value, limit=1_000_000))
    else:
        for line in closing.ended(board, desk):
            print(line, file=sys.stderr)


def _left(desk: Desk, manner: Manner, watcher: Watcher, told: Told | None) -> int:
    board = watcher.board
    if desk.as_json:
        _answer(board, desk, told)
    else:
        if watcher.live:
            _steps(board, desk)
        for line in closing.interrupted(board, desk):
            print(line, file=sys.stderr if manner.quiet else sys.stdout)
    return ending.INTERRUPTED


def _note(payload: Any) -> str:
    share = f"{payload['i']:g} of {payload['n']:g}" if payload["n"] is not None else f"{payload['i']:g}"
    return f"{share}  {payload['message']}" if payload["message"] else share
