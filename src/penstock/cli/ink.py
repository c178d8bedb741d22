"""Colours and signs, where they can be shown: NO_COLOR, FORCE_COLOR, pipes and poor encodings are respected."""

from __future__ import annotations

import os
import sys
from typing import Final, TextIO

_CODES: Final = {
    "good": "32", "bad": "31", "warn": "33", "busy": "36", "dim": "2", "strong": "1", "title": "1", "name": "36",
}  # fmt: skip

STYLE_OF: Final = {
    "pending": "dim", "waiting": "dim", "ready": "dim", "running": "busy", "paused": "warn", "completed": "good",
    "failed": "bad", "cancelled": "warn", "skipped": "dim", "reused": "good", "unfinished": "warn",
}  # fmt: skip
"""The style of a status, of runs and steps alike."""

_SIGNS: Final = {
    "pending": "·", "waiting": "·", "ready": "·", "running": "●", "paused": "‖", "completed": "✓", "failed": "✗",
    "cancelled": "⊘", "skipped": "–", "reused": "✓", "unfinished": "●", "retry": "↻",
}  # fmt: skip
_PLAIN_SIGNS: Final = {
    "pending": ".", "waiting": ".", "ready": ".", "running": ">", "paused": "=", "completed": "+", "failed": "x",
    "cancelled": "o", "skipped": "-", "reused": "+", "unfinished": ">", "retry": "~",
}  # fmt: skip


class Ink:
    """What one stream can show. `ink(text, "good")` styles text where there are colours."""

    def __init__(self, *, colour: bool, unicode: bool = True) -> None:
        self.colour = colour
        self.unicode = unicode
        self._signs = _SIGNS if unicode else _PLAIN_SIGNS

    def __call__(self, text: str, style: str) -> str:
        return f"\x1b[{_CODES[style]}m{text}\x1b[0m" if self.colour and text else text

    def sign(self, status: str) -> str:
        """One coloured character for a status."""
        return self(self._signs[status], STYLE_OF.get(status, "warn"))

    def status(self, status: str) -> str:
        """The status's own word in its colour."""
        return self(status, STYLE_OF[status])


def ink_for(stream: TextIO) -> Ink:
    """What this stream can show, by its encoding, whether it is a terminal, and the environment."""
    return Ink(colour=_colour(stream), unicode=_unicode(stream))


def is_live(stream: TextIO) -> bool:
    """Whether lines on this stream can be drawn over."""
    return stream.isatty() and os.environ.get("TERM", "") not in ("", "dumb")


def terminal_width(default: int = 120) -> int:
    """Columns of the terminal; a pipe has as many as `default`."""
    import shutil

    return shutil.get_terminal_size((default, 24)).columns if sys.stdout.isatty() else default


def _colour(stream: TextIO) -> bool:
    if os.environ.get("NO_COLOR"):
        return False
    return bool(os.environ.get("FORCE_COLOR")) or is_live(stream)


def _unicode(stream: TextIO) -> bool:
    try:
        "✓●–‖↻╭─│".encode(getattr(stream, "encoding", None) or "ascii")
    except (UnicodeEncodeError, LookupError):
        return False
    return True
