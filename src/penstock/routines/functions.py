"""Ordinary functions as routines: what one returns is what it emits."""

from __future__ import annotations

from collections.abc import Callable
from functools import update_wrapper
from typing import Any

from penstock.context import is_async
from penstock.routines.binding import bind_result
from penstock.routines.unit import Routine

INPUT, OUTPUT, RESULT = "input", "output", "result"


class FunctionRoutine(Routine):
    """A function with one slot, "input", and one event, "output", whose parameter is `result`: what the function returned.

    It is still called as the function it is. What it is given goes by the names of its parameters; a lone parameter is also
    given a value that came as `result`, so that functions can follow each other.
    """

    begins_by_call = False

    def __init__(self, fn: Callable[..., Any], name: str | None = None) -> None:
        super().__init__()
        self.fn = fn
        self.name = name or getattr(fn, "__name__", type(fn).__name__)
        self.define_event(OUTPUT, [RESULT])
        self.define_slot(INPUT, self._handler())
        update_wrapper(self, fn, updated=())

    def __call__(self, *args: Any, **params: Any) -> Any:
        return self.fn(*args, **params)

    def _handler(self) -> Callable[..., Any]:
        call = bind_result(self.fn, RESULT)
        if is_async(self.fn):

            async def run_async(**data: Any) -> None:
                self.emit(OUTPUT, result=await call(data))

            return run_async

        def run(**data: Any) -> None:
            self.emit(OUTPUT, result=call(data))

        return run


def routine(fn: Any = None, /, *, name: str | None = None) -> Any:
    """`@routine`: make a function a routine that can be added to flows, under its own name."""
    if fn is None:
        return lambda function: FunctionRoutine(function, name)
    return FunctionRoutine(fn, name)


def as_routine(what: Any) -> Routine:
    """A routine as it is, a function as a routine."""
    return what if isinstance(what, Routine) else FunctionRoutine(what)
