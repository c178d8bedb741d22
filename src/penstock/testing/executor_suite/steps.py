"""The steps that the suite runs: at the top of a module, where a worker process finds them. Each has an async twin.

Steps meet and wait through files in a folder, so that they can do so from wherever an executor runs them.
"""

# ruff: noqa: T201, ASYNC240 - they print, and meet through files, because that is what is tested

from __future__ import annotations

import asyncio
import logging
import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from penstock.context import Context, context, current, resource

MANY = 2_000  # jobs that all end once
PATIENCE_SECONDS = 60.0  # after which a step that waits for something fails
LOOK_SECONDS = 0.002


class Odd(Exception):
    """An exception that pickle takes apart but cannot put together again."""

    def __init__(self, first: int, second: int) -> None:
        super().__init__(f"{first} and {second}")


def double(value: Any) -> Any:
    """Twice the value."""
    return value * 2


async def adouble(value: Any) -> Any:
    await asyncio.sleep(0)
    return value * 2


def same(value: Any, *, other: Any = None) -> Any:
    """The value, and what came by keyword."""
    return value, other


async def asame(value: Any, *, other: Any = None) -> Any:
    return value, other


def fail(message: str) -> None:
    """Raise KeyError, a LookupError."""
    raise KeyError(message)


async def afail(message: str) -> None:
    await asyncio.sleep(0)
    raise KeyError(message)


def fail_oddly() -> None:
    """Raise what cannot be pickled."""
    raise Odd(1, 2)


async def afail_oddly() -> None:
    raise Odd(1, 2)


def leave(code: int) -> None:
    """Call sys.exit."""
    sys.exit(code)


async def aleave(code: int) -> None:
    await asyncio.sleep(0)
    sys.exit(code)


def known() -> tuple[Any, ...]:
    """What the step's context says."""
    here = context()
    return (
        here.run,
        here.workflow,
        here.step,
        here.item,
        here.attempt,
        here.key,
        here.deadline,
        here.cancelled,
    )


async def aknown() -> tuple[Any, ...]:
    await asyncio.sleep(0)
    return known()


def speak() -> None:
    """Write to every stream."""
    print("to stdout")
    print("to stderr", file=sys.stderr)
    logging.getLogger("somebody").warning("to %s", "a logger")
    print("no end", end="")


async def aspeak() -> None:
    await asyncio.sleep(0)
    speak()


def advance() -> None:
    """Report progress."""
    context().progress(1, 3, "one")
    context().progress(3, 3)


async def aadvance() -> None:
    advance()


def mark(folder: str, name: str) -> None:
    """Append a line to a file."""
    with open(Path(folder, "marks"), "a", encoding="utf-8") as file:
        file.write(name + "\n")


async def amark(folder: str, name: str) -> None:
    mark(folder, name)


def crowd(folder: str) -> int:
    """How many of these run just now."""
    mine = Path(folder, f"{os.getpid()}-{context().item}.here")
    mine.touch()
    try:
        return len(list(Path(folder).glob("*.here")))
    finally:
        mine.unlink()


async def acrowd(folder: str) -> int:
    mine = Path(folder, f"{context().item}.here")
    mine.touch()
    try:
        await asyncio.sleep(0)
        return len(list(Path(folder).glob("*.here")))
    finally:
        mine.unlink()


def hold(folder: str, name: str) -> str:
    """Say that it began (NAME.began), and wait to be let go (NAME.go)."""
    Path(folder, f"{name}.began").touch()
    wait_for(Path(folder, f"{name}.go").exists)
    Path(folder, f"{name}.ended").touch()
    return name


async def ahold(folder: str, name: str) -> str:
    Path(folder, f"{name}.began").touch()
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not Path(folder, f"{name}.go").exists():
        assert time.monotonic() < deadline, "nobody let the step go"
        await asyncio.sleep(LOOK_SECONDS)
    Path(folder, f"{name}.ended").touch()
    return name


def outside() -> bool:
    """Whether no step is current here."""
    return current() is None


def die(how: str) -> None:
    """End the process that runs this."""
    if how == "exit":
        os._exit(7)
    if how == "kill":
        os.kill(os.getpid(), 9)
    import ctypes

    ctypes.string_at(0)


@resource
def folder_of_marks() -> Iterator[Callable[[str], None]]:
    """A resource that notes when it is opened and closed, in the folder that the environment names."""
    folder = os.environ["PENSTOCK_MARKS"]
    mark(folder, "opened")
    yield lambda name: mark(folder, name)
    mark(folder, "closed")


@resource
def broken() -> None:
    """A resource that cannot be opened."""
    raise ConnectionError("nobody there")


def use(name: str, *, write: Callable[[str], None]) -> int:
    """Write through the resource; where it ran."""
    write(name)
    return os.getpid()


async def ause(name: str, *, write: Callable[[str], None]) -> int:
    write(name)
    return os.getpid()


def wait_for(is_so: Callable[[], bool], seconds: float = PATIENCE_SECONDS) -> None:
    """Wait until something is so; AssertionError if it does not come to be."""
    deadline = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(LOOK_SECONDS)


def context_for(item: int | None = None, **more: Any) -> Context:
    """A step's context, for tests."""
    return Context("run", "flow", "step", item, **more)
