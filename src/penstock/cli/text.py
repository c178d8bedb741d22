"""Words and numbers as people read them: durations, ages, columns. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

_STYLE = re.compile(r"\x1b\[[0-9;]*m")
_PARTS = re.compile(r"(\x1b\[[0-9;]*m)")


def duration(seconds: float) -> str:
    """Seconds in the two units that matter: `8 ms`, `4.2 s`, `3 min 04 s`, `2 h 05 min`."""
    if seconds < 0.0995:
        return f"{max(0.0, seconds) * 1000:.0f} ms"
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02} min" if hours < 48 else f"{hours // 24} days"


def age(seconds: float) -> str:
    """How long ago, roughly."""
    for limit, size, unit in ((60, 1, "s"), (3600, 60, "min"), (86400, 3600, "h")):
        if seconds < limit:
            return f"{int(max(0.0, seconds) // size)} {unit} ago"
    days = int(seconds // 86400)
    return f"{days} day{'s' if days > 1 else ''} ago"


def number(count: int) -> str:
    """A count with its thousands apart."""
    return f"{count:,}"


def size(count: int) -> str:
    """Bytes as people count them: `512 bytes`, `64 kB`, `4.1 MB`."""
    if count < 1000:
        return f"{count} bytes"
    amount = float(count)
    for unit in ("kB", "MB", "GB"):
        amount /= 1000
        if amount < 999.5 or unit == "GB":
            break
    return f"{amount:.1f} {unit}" if amount < 9.95 else f"{amount:,.0f} {unit}"


def plural(count: int, noun: str) -> str:
    """`1 step`, `3 steps`."""
    return f"{number(count)} {noun}{'' if count == 1 else 's'}"


def width(text: str) -> int:
    """Columns on a terminal; styles take none."""
    plain = _STYLE.sub("", text) if "\x1b" in text else text
    return len(plain) if plain.isascii() else _wide(plain)


def _wide(text: str) -> int:
    from unicodedata import combining, east_asian_width

    return sum(0 if combining(c) else 2 if east_asian_width(c) in "WF" else 1 for c in text)


def pad(text: str, columns: int) -> str:
    """Text filled with blanks to a width on a terminal."""
    return text + " " * (columns - width(text))


def clip(text: str, columns: int) -> str:
    """Unstyled text in one line of at most so many columns, with an ellipsis where it was cut."""
    text = " ".join(text.split("\n")).strip()
    return text if width(text) <= columns else f"{_head(text, columns - 1)}…"


def _head(text: str, columns: int) -> str:
    """As much of unstyled text as fits."""
    text = text[: max(0, columns)]
    while width(text) > columns:
        text = text[:-1]
    return text


def cut(text: str, columns: int) -> str:
    """Styled text of at most so many columns."""
    if width(text) <= columns:
        return text
    shown, room = "", columns
    for part in _PARTS.split(text):
        if part.startswith("\x1b["):
            shown += part
        elif width(part) >= room:
            return f"{shown}{_head(part, room - 1)}…" + ("\x1b[0m" if "\x1b" in text else "")
        else:
            shown += part
            room -= width(part)
    return shown


def columns(rows: Iterable[Sequence[str]], right: Iterable[int] = (), gap: str = "  ") -> list[str]:
    """Rows as aligned lines; the columns numbered in `right` are flush right. Nothing trails."""
    table = [list(row) for row in rows]
    ends = set(right)
    count = max((len(row) for row in table), default=0)
    wide = [max((width(row[n]) for row in table if n < len(row)), default=0) for n in range(count)]
    return [
        gap.join(
            " " * (wide[n] - width(cell)) + cell if n in ends else pad(cell, wide[n])
            for n, cell in enumerate(row)
        ).rstrip()
        for row in table
    ]
