"""What a function is to others: whether it is async, and the name by which another process finds it. Code never travels.

A decorated function is found through its definition: the name leads to the definition, whose `__wrapped__` leads on to it.
"""

from __future__ import annotations

import sys
from functools import cache, partial
from importlib import import_module

from penstock.errors import DefinitionError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

_FunctionType = type(lambda: None)  # importing types and inspect costs 9 ms
_COROUTINE_FLAGS = 0x80 | 0x100  # CO_COROUTINE, CO_ITERABLE_COROUTINE


def is_async(fn: Callable[..., Any]) -> bool:
    """Whether calling `fn` gives a coroutine: also through functools.partial, methods and objects with `__call__`."""
    if type(fn) is _FunctionType:
        return fn.__code__.co_flags & _COROUTINE_FLAGS != 0
    code = getattr(fn, "__code__", None)  # a method has its function's
    if code is None:
        while isinstance(fn, partial):
            fn = fn.func
        code = getattr(fn, "__code__", None) or getattr(type(fn).__call__, "__code__", None)
    return code is not None and bool(code.co_flags & _COROUTINE_FLAGS)


class ByName:
    """Pickles as a reference to a function, and unpickles as the function itself."""

    __slots__ = ("place",)

    def __init__(self, place: tuple[str, str, int]) -> None:
        self.place = place

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[str, str, int]]:
        return find, self.place


def portable(fn: Callable[..., Any]) -> Any:
    """What to pickle in place of `fn`; raises DefinitionError if another process could not find it."""
    if isinstance(fn, partial):
        return _Partial(fn)
    return ByName(place_of(fn)) if isinstance(fn, _FunctionType) else fn


class _Partial:
    __slots__ = ("inner",)

    def __init__(self, inner: partial[Any]) -> None:
        self.inner = inner

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return _partial, (portable(self.inner.func), self.inner.args, self.inner.keywords)


def _partial(fn: Callable[..., Any], args: tuple[Any, ...], keywords: dict[str, Any]) -> partial[Any]:
    return partial(fn, *args, **keywords)


@cache
def place_of(fn: Callable[..., Any]) -> tuple[str, str, int]:
    """(module, qualified name, how many `__wrapped__` further) of a function."""
    module, name = fn.__module__, fn.__qualname__
    if "<lambda>" in name or "<locals>" in name:
        kind = "a lambda" if "<lambda>" in name else "defined inside a function"
        raise DefinitionError(
            f"{module}.{name} is {kind}: another process cannot find it by name. Define it with `def` at the top of a "
            "module, or run the step on threads"
        )
    found: Any = sys.modules.get(module)
    for part in name.split("."):
        found = getattr(found, part, None)
    steps = 0
    while found is not None and found is not fn:
        found, steps = getattr(found, "__wrapped__", None), steps + 1
    if found is None:
        raise DefinitionError(
            f"{module}.{name} now names something else: another process would not find this function. Give it a name "
            "of its own at the top of its module, or let what replaced it have it as `__wrapped__`"
        )
    return module, name, steps


@cache
def find(module: str, name: str, steps: int = 0) -> Any:
    """The function at a place, in this process."""
    found: Any = sys.modules.get(module) or import_module(module)
    try:
        for part in name.split("."):
            found = getattr(found, part)
    except AttributeError:
        raise DefinitionError(_not_found(module, name)) from None
    for _ in range(steps):
        found = found.__wrapped__
    return found


def _not_found(module: str, name: str) -> str:
    if module == "__main__":
        return (
            f"{name} was not found in the main script: a worker process loads the script only up to the place where it "
            "starts its first run. Define steps above that place, or in a module"
        )
    return f"{module}.{name} was not found in the worker process: did the module change since this program began?"
