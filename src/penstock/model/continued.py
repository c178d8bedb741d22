"""What a run ends with that goes on as another: a plain value, so that any reader of the log knows it."""

from __future__ import annotations

from typing import Any, Final

_KEY: Final = "continued_as"


def continued_as(run: str) -> dict[str, str]:
    """The value of a run that goes on as that one."""
    return {_KEY: run}


def next_of(value: Any) -> str | None:
    """The run that a run with this value goes on as, if it does."""
    if isinstance(value, dict) and value.keys() == {_KEY}:
        return str(value[_KEY])
    return None
