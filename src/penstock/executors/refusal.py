"""What executors say when they are asked for what they cannot do."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn

from penstock.errors import DefinitionError, UserError


def title(fn: Callable[..., Any]) -> str:
    """A function's name for people."""
    name = getattr(fn, "__qualname__", None) or type(fn).__qualname__
    return f"{getattr(fn, '__module__', '?')}.{name}"


def refuse_async(fn: Callable[..., Any], executor: str) -> NoReturn:
    """An async function needs an event loop."""
    raise DefinitionError(
        f"{title(fn)} is async, which executor={executor!r} cannot run: use executor='asyncio', or make it a plain `def`"
    )


def closed(executor: str) -> NoReturn:
    """Closed is closed."""
    raise UserError(f"the executor {executor!r} is closed and takes no more work: make a new one")
