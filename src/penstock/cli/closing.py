"""What is said when a run has ended or was left: how, why, its result, and what to type next."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from penstock.cli import trace
from penstock.cli.board import Board
from penstock.cli.desk import Desk
from penstock.cli.ink import Ink, terminal_width
from penstock.cli.text import columns, duration, plural

PREVIEW = 400


def ended(board: Board, desk: Desk, *, printed: int = 0) -> list[str]:
    """The closing lines of a run that has ended; `printed` is how many lines its steps printed."""
    ink = desk.ink
    lines = [_headline(board, ink)]
    if board.status == "failed" and board.error is not None:
        lines += ["", *_error(board, ink)]
    if board.status == "cancelled" and board.reason:
        lines += ["", f"  {board.reason}"]
    facts = []
    if board.status == "completed" and board.value is not None:
        facts.append(("result", shown(board.value)))
    return [*lines, "", *labelled(facts + _next(board, desk, printed), ink)]


def interrupted(board: Board, desk: Desk) -> list[str]:
    """The closing lines of a run that was left unfinished."""
    ink = desk.ink
    if not board.run:
        return [
            f"{ink.sign('unfinished')} {ink('interrupted', 'warn')} before the run was recorded: nothing was kept"
        ]
    if not kept(desk):
        return [f"{ink.sign('unfinished')} {ink('interrupted', 'warn')}: this store keeps nothing"]
    done = sum(bar.done for bar in board.bars.values())
    said = f"{ink.sign('unfinished')} {ink('interrupted', 'warn')}; what is done is kept ({plural(done, 'step')})"
    return [said, "", *labelled([("go on", desk.command("resume", board.run))], ink)]


def shown(value: Any, limit: int = PREVIEW) -> str:
    """A value in one line, much as Python would show it."""
    from penstock.codecs.preview import preview

    try:
        return _as_text(value) or preview(_encoded(value), limit)
    except Exception:  # of a run that keeps nothing a value need not be one that can be kept
        return repr(value)[:limit]


def _as_text(value: Any) -> str:
    """A path or a short text as it is: to be read, or opened with a click."""
    from pathlib import PurePath

    return (
        str(value) if isinstance(value, PurePath) or (isinstance(value, str) and value.isprintable()) else ""
    )


def _encoded(value: Any) -> str:
    from penstock.codecs import JsonCodec

    return JsonCodec().encode(value)


def kept(desk: Desk) -> bool:
    """Whether the store outlives this process."""
    from penstock.app.addresses import address_of

    return address_of(desk.store) not in ("ephemeral", "memory:")


def labelled(facts: Sequence[tuple[str, str]], ink: Ink) -> list[str]:
    """Facts under one another, their labels dimmed."""
    return [f"  {line}" for line in columns([(ink(label, "dim"), said) for label, said in facts], gap="   ")]


def _headline(board: Board, ink: Ink) -> str:
    seconds = duration((board.ended or time.time()) - board.started)
    where = ""
    if board.status == "failed" and board.error is not None and board.error.step:
        where = f": step {ink(board.error.step, 'strong')}{_item(board)}"
    return f"{ink.sign(board.status)} {ink.status(board.status)} in {seconds}{where}"


def _item(board: Board) -> str:
    assert board.error is not None
    bar = board.bars.get(board.error.step or "")
    if bar is None:
        return ""
    item = f", item {bar.item}" if bar.item is not None else ""
    tried = f", after {plural(bar.attempts, 'attempt')}" if bar.retries and not bar.is_map else ""
    return f"{item}{tried}"


def _error(board: Board, ink: Ink) -> list[str]:
    assert board.error is not None
    lines = trace.of_failure(board.error)
    room = max(40, terminal_width() - 4)
    return [f"  {ink(line[:room], 'bad' if n == len(lines) - 1 else 'dim')}" for n, line in enumerate(lines)]


def _next(board: Board, desk: Desk, printed: int) -> list[tuple[str, str]]:
    if not kept(desk):
        return []
    facts = []
    if board.status == "failed" and not board.undone:
        facts.append(("mend, then", desk.command("resume", board.run)))
    facts.append(("steps", desk.command("show", board.run)))
    if printed:
        said = desk.ink(f"  {plural(printed, 'line')}", "dim")
        facts.append(("output", f"{desk.command('logs', board.run)}{said}"))
    facts.append(("graph", desk.command("graph", board.run)))
    return facts
