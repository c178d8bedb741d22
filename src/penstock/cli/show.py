"""`penstock show RUN`: what a run was given, what each step did, how it ended, and what to do about it."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import click

from penstock.cli import closing, trace
from penstock.cli.board import Board
from penstock.cli.desk import Desk, profile_option, row_of, run_argument, with_desk
from penstock.cli.ink import terminal_width
from penstock.cli.logs import lines_of
from penstock.cli.rows import Look, rows
from penstock.cli.text import age, duration
from penstock.model import events as e
from penstock.model.bulletin import bulletin_of
from penstock.model.events import CHANGED, FORKED
from penstock.model.policies import CHILD
from penstock.model.states import FINISHED

if TYPE_CHECKING:
    from penstock.app import Engine, Run
    from penstock.cli.profiling import Told


@click.command(name="show", no_args_is_help=True)
@run_argument
@profile_option
@with_desk
def command(desk: Desk, name: str, profile: bool) -> None:
    """What RUN was given, what its steps did, and how it ended.

    RUN is a run's id, a unique beginning of it, or `latest`.
    """
    with desk.look() as engine:
        run = engine.get(name)
        sight = Sight(engine, run)
        told = _profile(engine, run, None if sight.left else time.time()) if profile else None
    if desk.as_json:
        desk.answer(sight.document(desk) | ({} if told is None else {"profile": told.document()}))
    else:
        for line in [*sight.lines(desk), *([] if told is None else told.lines(desk.ink))]:
            desk.say(line)


def _profile(engine: Engine, run: Run[Any], at: float | None) -> Told:
    from penstock.cli.profiling import told_of

    return told_of(engine, run, at)


class Sight:
    """A run as its log and its row tell it."""

    def __init__(self, engine: Engine, run: Run[Any]) -> None:
        self.row = row_of(engine, run)
        self.board = Board()
        self.started: e.RunStarted | None = None
        self.made_of: str | None = None
        self.code_changed: dict[str, Any] = {}  # step -> what of it
        children: dict[str, str] = {}  # step -> run
        log = run.events()
        self.published = bulletin_of(event for _, _, event in log)
        for sequence, at, event in log:
            self.board.recorded(run.id, run.workflow, sequence, at, event)
            if isinstance(event, e.RunStarted):
                self.started = event
            elif isinstance(event, e.Noted) and event.topic == FORKED:
                self.made_of = event.data["run"]
            elif isinstance(event, e.Noted) and event.topic == CHANGED:
                self.code_changed |= event.data
            elif isinstance(event, e.Noted) and event.topic == CHILD and event.step is not None:
                children[event.step] = event.data["run"]
        found = engine.durable_store().get("runs", children.values())
        self.children = [(step, found[run]) for step, run in children.items() if run in found]
        self.printed = sum(1 for _ in lines_of(engine, run.id))

    @property
    def left(self) -> bool:
        """Whether it is unfinished and nobody drives it."""
        from penstock.cli.runs import is_left

        return is_left(self.row)

    def document(self, desk: Desk) -> dict[str, Any]:
        """See docs/command-line.md."""
        from penstock.cli.documents import run_document, value_of

        started = self.started
        return {
            **run_document(self.board, desk),
            "inputs": value_of(started.input) if started is not None else None,
            "published": value_of(self.published),
            "tags": json.loads(self.row["tags"] or "{}"),
            "made_of": self.made_of,
            "code_changed": self.code_changed,
            "parent": started.parent if started is not None else None,
            "children": [
                {"step": step, "run": row["id"], "workflow": row["workflow"], "status": row["status"]}
                for step, row in self.children
            ],
            "undone": self.board.undone,
            "source": started.source if started is not None else {},
            "driven": self.row["status"] not in FINISHED and not self.left,
            "printed_lines": self.printed,
        }

    def lines(self, desk: Desk) -> list[str]:
        """What is shown to people."""
        board, ink = self.board, desk.ink
        now = board.ended or time.time()
        status = "unfinished" if self.left else board.status
        head = f"{ink(board.workflow, 'title')}  run {ink(board.run, 'name')}  {ink.sign(status)} {ink.status(status)}"
        over = self.left or board.status in FINISHED
        blamed = board.error.step if board.error is not None else None
        steps = rows(board.bars.values(), Look(ink, terminal_width() - 3, now, over=over, blamed=blamed))
        return [
            head,
            "",
            *closing.labelled(self._facts(desk), ink),
            "",
            *(f"  {line}" for line in steps),
            *self._errors(desk),
            "",
            *closing.labelled(self._next(desk), ink),
        ]

    def _facts(self, desk: Desk) -> list[tuple[str, str]]:
        board, started = self.board, self.started
        facts = [("started", f"{_clock(board.started)}  {desk.ink(age(time.time() - board.started), 'dim')}")]
        if board.ended is not None:
            facts.append(("took", duration(board.ended - board.started)))
        if self.made_of is not None:
            said = desk.ink(desk.command("diff", board.run), "dim")
            facts.append(("made of", f"{self.made_of}  {said}"))
        facts += self._changes()
        if started is not None and started.parent is not None:
            facts.append(("parent", started.parent))
        for label, (step, row) in zip(["children", *[""] * len(self.children)], self.children, strict=False):
            facts.append((label, f"{row['id']}  {step}  {desk.ink.status(row['status'])}"))
        facts += self._inputs()
        facts += _by_name("published", self.published)
        if tags := json.loads(self.row["tags"] or "{}"):
            facts.append(("tags", "  ".join(f"{name}={value}" for name, value in tags.items())))
        if started is not None and started.source.get("file"):
            facts.append(("code", desk.ink(_place(started.source), "dim")))
        if board.status == "completed" and board.value is not None:
            facts.append(("result", closing.shown(board.value)))
        return facts

    def _changes(self) -> list[tuple[str, str]]:
        if not self.code_changed:
            return []
        from penstock.app.changes import StepChange

        steps = self.code_changed.items()
        said = (str(StepChange(step, tuple(what["parts"]), what["fate"])) for step, what in steps)
        return [("changed", ", ".join(said))]

    def _inputs(self) -> list[tuple[str, str]]:
        given = self.started.input if self.started is not None else None
        if not isinstance(given, dict):
            return [("input", closing.shown(given, 200))] if given is not None else []
        return _by_name("inputs", given)

    def _errors(self, desk: Desk) -> list[str]:
        error = self.board.error
        if error is None:
            return []
        return ["", *(f"  {desk.ink(line, 'dim')}" for line in trace.of_failure(error))]

    def _next(self, desk: Desk) -> list[tuple[str, str]]:
        board = self.board
        facts = []
        if board.status == "failed" and board.undone:
            facts.append(("undone", "what it had done was undone: it cannot be resumed, start a new run"))
        elif board.status == "failed":
            facts.append(("mend, then", desk.command("resume", board.run)))
        elif self.left or board.status == "paused":
            facts.append(("go on", desk.command("resume", board.run)))
        elif board.status == "running":
            facts += [
                ("follow", desk.command("events", board.run, "--follow")),
                ("stop", desk.command("cancel", board.run)),
            ]
        if self.printed:
            facts.append(("output", f"{desk.command('logs', board.run)}"))
        return facts


def _by_name(label: str, values: dict[str, Any]) -> list[tuple[str, str]]:
    """A line each, the first of them with the label."""
    labels = [label, *[""] * len(values)]
    return [
        (label, f"{name} = {closing.shown(value, 200)}")
        for label, (name, value) in zip(labels, values.items(), strict=False)
    ]


def _clock(at: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(at))


def _place(source: dict[str, Any]) -> str:
    return f"{source['file']}:{source['name']}" if source.get("name") else str(source["file"])
