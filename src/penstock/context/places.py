"""Where in its author's code something was said: messages begin with it, as in `etl.py:12: task 'load' ...`.

What is kept costs next to nothing to take: a code object and an instruction. The line is looked up when a message needs it.
"""

from __future__ import annotations

import os
import sys

from penstock.errors import UserError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import CodeType, TracebackType
    from typing import Any

_OURS = ("penstock.tasks", "penstock.functions", "penstock.context")
"""Frames of these packages are not the author's."""


class Spot:
    """A place in code; `instruction` None is where the code begins. Shown as FILE:LINE."""

    __slots__ = ("code", "instruction")

    def __init__(self, code: CodeType, instruction: int | None = None) -> None:
        self.code = code
        self.instruction = instruction

    def __str__(self) -> str:
        return f"{near(self.code.co_filename)}:{self._line()}"

    def _line(self) -> int:
        if self.instruction is not None:
            for start, end, line in self.code.co_lines():
                if line is not None and start <= self.instruction < end:
                    return line
        return self.code.co_firstlineno


def here() -> Spot | None:
    """Where the author's code called ours; None where it was another part of ours that called."""
    frame = sys._getframe(1)
    while frame.f_globals.get("__name__", "").startswith(_OURS):
        if frame.f_back is None:
            return None
        frame = frame.f_back
    if frame.f_globals.get("__name__", "").startswith("penstock."):
        return None
    return Spot(frame.f_code, frame.f_lasti)


def raised_at(error: BaseException, wanted: Callable[[str], bool]) -> Spot | None:
    """Where an exception passed through a file that is wanted, the last of such places."""
    found, trace = None, error.__traceback__
    while trace is not None:
        if wanted(trace.tb_frame.f_code.co_filename):
            found = Spot(trace.tb_frame.f_code, trace.tb_lasti)
        trace = trace.tb_next
    return found


def spot_of(fn: Any) -> Spot | None:
    """Where a function begins; None for what is not written in Python."""
    import inspect

    code = getattr(inspect.unwrap(fn), "__code__", None)
    return None if code is None else Spot(code)


class at:  # noqa: N801 - it reads as a word: with at(spot)
    """Let a UserError that is raised within say where its cause stands; without a spot, where the author's code called ours."""

    __slots__ = ("spot",)

    def __init__(self, spot: Spot | None = None) -> None:
        self.spot = spot

    def __enter__(self) -> None:
        pass

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if isinstance(error, UserError) and not error.place:
            blame(error, self.spot or here())


def blame(error: UserError, spot: Spot | None) -> UserError:
    """Let an error say where its cause stands, where that is known."""
    if spot is not None:
        error.place = str(spot)
        error.args = (f"{error.place}: {error}", *error.args[1:])
    return error


def near(file: str) -> str:
    """A file as seen from the working folder, where it is below that."""
    try:
        return file.removeprefix(os.path.join(os.getcwd(), ""))
    except FileNotFoundError:  # the folder is gone
        return file
