"""Lengths of time as people type them: `30d`, `1h30m`, `90s`, `100ms`. Pure."""

from __future__ import annotations

import re
from typing import Final

import click

_SECONDS: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "min": 60.0, "h": 3_600.0, "d": 86_400.0, "w": 604_800.0}
_PART: Final = re.compile(r"(\d+(?:\.\d+)?)(ms|s|min|m|h|d|w)")


def length(text: str) -> float:
    """The type of an option that takes a length of time: its seconds."""
    parts = _PART.findall(text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        raise click.BadParameter(f"{text!r} is no length of time: say it as 30d, 1h30m, 90s or 100ms")
    return sum(float(number) * _SECONDS[unit] for number, unit in parts)
