"""What a task is made of, whatever becomes of it: what graphs are built of, and listeners are told of."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from penstock.model.program import Partial


class Work:
    """A function with a name and options. One that goes over something (`over`) runs once an item, `window` at a time."""

    name: str
    fn: Callable[..., Any]
    options: dict[str, Any]
    over: Mapping[str, Any] | None = None
    window: int = 256
    partial: Partial = "fail"
