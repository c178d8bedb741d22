"""Values and compiled code as text that is the same in every process, for fingerprints. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import PurePath
from types import CodeType
from typing import Any


def innermost(fn: Any) -> Any:
    """The function that an author wrote: without `partial`, methods' objects and what decorators put around."""
    while True:
        if isinstance(fn, partial):
            fn = fn.func
        elif (inner := getattr(fn, "__wrapped__", None)) is not None or (
            inner := getattr(fn, "__func__", None)
        ) is not None:
            fn = inner
        else:
            return fn


def shape_of(code: CodeType) -> str:
    """What a code does, as text."""
    constants = [shape_of(each) if isinstance(each, CodeType) else plain(each) for each in code.co_consts]
    return repr((code.co_code.hex(), code.co_names, code.co_varnames, constants))


def global_names(code: CodeType) -> Iterator[str]:
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from global_names(constant)


def plain(value: Any) -> str:
    """A value as text that is the same in every process: plain data as it is, anything else by its type."""
    kind = type(value)
    if value is None or value is ... or kind in (bool, int, float, complex, str, bytes):
        return repr(value)
    if kind in (tuple, list):
        return f"{kind.__name__}({', '.join(map(plain, value))})"
    if kind in (set, frozenset):
        return f"{kind.__name__}({', '.join(sorted(map(plain, value)))})"
    if kind is dict:
        return f"dict({', '.join(_pairs(value.items()))})"
    if isinstance(value, PurePath):
        return f"Path({str(value)!r})"
    return f"{kind.__module__}.{kind.__qualname__}"


def _pairs(items: Iterable[tuple[Any, Any]]) -> Iterator[str]:
    return (f"{plain(key)}: {plain(value)}" for key, value in items)
