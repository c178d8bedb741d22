"""A run's steps as rows of text: a sign, a name, a time, a map's bar, what went wrong. Pure; `live` and `show` print them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from penstock.cli.board import Bar, Board
from penstock.cli.ink import Ink
from penstock.cli.text import clip, duration, number, pad, plural, width

SPINNER: Final = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"
PLAIN_SPINNER: Final = "|/-\\"
NAME_COLUMNS: Final = 36
BAR_COLUMNS: Final = 24


class Look(NamedTuple):
    """How rows are drawn: in at most so many columns, as of `now`. `frame` turns spinners; `over`: nothing runs any more.

    `blamed` is a step whose error is told elsewhere.
    """

    ink: Ink
    columns: int
    now: float
    frame: int | None = None
    over: bool = False
    blamed: str | None = None


def rows(bars: Iterable[Bar], look: Look) -> list[str]:
    """A line a step."""
    shown = list(bars)
    names = min(max((width(bar.name) for bar in shown), default=0), NAME_COLUMNS)
    return [_row(bar, names, look) for bar in shown]


def _row(bar: Bar, names: int, look: Look) -> str:
    name = pad(clip(bar.name, names), names)
    seconds = bar.seconds(look.now)
    took = "" if seconds is None else duration(seconds)
    said = _said(bar, look.columns - names - 16, look)
    return f"{_sign(bar, look)} {_named(bar, name, look.ink)}  {took:>10}  {said}".rstrip()


def _sign(bar: Bar, look: Look) -> str:
    ink = look.ink
    stopped = look.over and (bar.status == "running" or bar.upset)
    if bar.status == "waiting" and bar.upset and not stopped:
        return ink.sign("retry")
    if bar.status == "running" and look.frame is not None:
        turning = SPINNER if ink.unicode else PLAIN_SPINNER
        return ink(turning[look.frame % len(turning)], "busy")
    return ink.sign("unfinished" if stopped and bar.status in ("running", "waiting") else bar.status)


def _named(bar: Bar, name: str, ink: Ink) -> str:
    idle = bar.status in ("waiting", "skipped") and not bar.upset
    return ink(name, "dim") if bar.before or idle else name


def _said(bar: Bar, room: int, look: Look) -> str:
    """What there is to say of a step: how far it is, what was retried, why it failed or was skipped."""
    ink = look.ink
    parts = [_count(bar, look) if bar.is_map else "", *_remarks(bar, ink)]
    said = "  ".join(part for part in parts if part)
    trouble = _trouble(bar, room - width(said) - 2, look)
    return "  ".join(part for part in (said, trouble) if part)


def _remarks(bar: Bar, ink: Ink) -> list[str]:
    said = []
    if bar.before:
        said.append(ink("done before", "dim"))
    if bar.reused and len(bar.sources) == 1:
        many = f"{number(bar.reused)} " if bar.is_map else ""
        said.append(ink(f"{many}from run {next(iter(bar.sources))[:8]}", "dim"))
    elif bar.reused:
        said.append(ink(f"{number(bar.reused)} from {plural(len(bar.sources), 'run')}", "dim"))
    if bar.missed:
        said.append(ink(f"ran: {bar.missed}", "dim"))
    if bar.retries:
        said.append(ink("retried" if bar.retries == 1 else f"{number(bar.retries)} retries", "warn"))
    if bar.status == "skipped":
        said.append(ink(f"skipped: {bar.reason}" if bar.reason else "skipped", "dim"))
    elif bar.status == "cancelled":
        said.append(ink("stopped", "warn"))
    elif bar.note and bar.status == "running":
        said.append(ink(bar.note, "dim"))
    return said


def _trouble(bar: Bar, room: int, look: Look) -> str:
    if bar.error is None or bar.name == look.blamed or not (bar.upset or bar.status == "failed"):
        return ""
    wait = bar.retry_at - look.now if bar.retry_at is not None and bar.status == "waiting" else 0.0
    again = f"again in {duration(wait)}: " if wait > 0.1 and not look.over else ""
    where = f"item {bar.item}: " if bar.item is not None else ""
    said = clip(f"{again}{where}{told(bar.error.type, bar.error.message)}", max(10, room))
    return look.ink(said, "bad" if bar.status == "failed" else "warn")


def told(kind: str, message: str) -> str:
    """An exception in one line, by its short name."""
    name = kind.rpartition(".")[2]
    return f"{name}: {message}" if message else name


def _count(bar: Bar, look: Look) -> str:
    if not (bar.attempts or bar.done):
        return ""
    ink = look.ink
    settled = bar.done + bar.failed
    failed = f"  {ink(f'{number(bar.failed)} failed', 'bad')}" if bar.failed else ""
    if bar.total is None or settled >= bar.total:
        so_far = " so far" if bar.status in ("running", "waiting") else ""
        return f"{plural(settled, 'item')}{so_far}{failed}"
    count = f"{number(settled)} of {number(bar.total)}{failed}"
    return f"{_drawn(settled / bar.total, ink)}  {count}" if look.frame is not None else count


def _drawn(share: float, ink: Ink) -> str:
    full, half = divmod(int(share * BAR_COLUMNS * 2), 2)
    rest = BAR_COLUMNS - full - half
    if not ink.unicode:
        return "#" * full + "." * (BAR_COLUMNS - full)
    return ink("━" * full + "╸" * half, "busy") + ink("─" * rest, "dim")


def fitting(board: Board, lines: Sequence[str], height: int, ink: Ink) -> list[str]:
    """The rows that matter most in so many lines: what is done above and what waits below is counted instead."""
    if len(lines) <= height:
        return list(lines)
    bars = list(board.bars.values())[: len(lines)]
    first = next((n for n, bar in enumerate(bars) if bar.status in ("running", "failed") or bar.upset), 0)
    start = max(0, min(first - 1, len(lines) - (height - 2)))
    end = start + max(1, height - 2)
    above, below = lines[:start], lines[end:]
    return [
        *([ink(f"  … {plural(len(above), 'step')} above", "dim")] if above else []),
        *lines[start:end],
        *([ink(f"  … {plural(len(below), 'step')} below", "dim")] if below else []),
    ]
