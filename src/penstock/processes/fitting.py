"""Whether a value fits a type: a check is compiled once for each type. Pure.

An int is a float, a bool is no int, None fits where the type admits it. What no rule covers fits anything.
"""

from __future__ import annotations

import collections.abc
import types
import typing
from collections.abc import Callable, Mapping
from typing import Any, Final

Check = Callable[[Any], bool]

_known: dict[Any, Check] = {}
_MOST: Final = 10_000
"""So many types are remembered."""


def fits(value: Any, kind: Any) -> bool:
    """Whether a value may be given to a parameter of this type."""
    try:
        check = _known.get(kind)
    except TypeError:  # it cannot be hashed, as Literal[[]] or Annotated with a list
        return _compile(kind)(value)
    if check is None:
        if len(_known) > _MOST:
            _known.clear()
        check = _known[kind] = _compile(kind)
    return check(value)


def named(kind: Any) -> str:
    """A type as an author writes it."""
    plain = isinstance(kind, type) and not getattr(kind, "__args__", None)
    return kind.__name__ if plain else str(kind).replace("typing.", "")


def _compile(kind: Any) -> Check:
    if kind in (Any, object, Callable, typing.Callable) or kind is None:
        return _SPECIAL.get(kind, _anything)
    origin = typing.get_origin(kind)
    if origin is None:
        return _of_class(kind) if isinstance(kind, type) else _anything
    arguments = typing.get_args(kind)
    if origin in (typing.Union, types.UnionType):
        return _any_of([_compile(each) for each in arguments])
    if origin is typing.Annotated:
        return _compile(arguments[0])
    if origin is typing.Literal:
        return lambda value: any(value == each and type(value) is type(each) for each in arguments)
    return _of_generic(origin, arguments)


def _anything(value: Any) -> bool:
    return True


def _is_none(value: Any) -> bool:
    return value is None


_SPECIAL: dict[Any, Check] = {
    None: _is_none,
    Callable: callable,
    typing.Callable: callable,
}


def _of_class(kind: type) -> Check:
    if kind is float:
        return lambda value: isinstance(value, int | float) and not isinstance(value, bool)
    if kind is int:
        return lambda value: isinstance(value, int) and not isinstance(value, bool)
    if kind is complex:
        return lambda value: isinstance(value, int | float | complex) and not isinstance(value, bool)
    if getattr(kind, "_is_protocol", False) and not getattr(kind, "_is_runtime_protocol", False):
        return _anything
    return lambda value: isinstance(value, kind)


def _any_of(checks: list[Check]) -> Check:
    return lambda value: any(check(value) for check in checks)


def _of_generic(origin: Any, arguments: tuple[Any, ...]) -> Check:
    if not isinstance(origin, type):
        return _anything
    if origin is collections.abc.Callable:
        return callable
    outer = _of_class(origin)
    if origin is tuple:
        return _of_tuple(arguments)
    parts = [_compile(each) for each in arguments]
    if issubclass(origin, Mapping) and len(parts) == 2:
        first, second = parts
        return lambda value: outer(value) and all(first(k) and second(v) for k, v in value.items())
    if origin in _ITEMS and len(parts) == 1:
        item = parts[0]
        return lambda value: outer(value) and (item is _anything or all(map(item, value)))
    return outer


_ITEMS = (
    list,
    set,
    frozenset,
    collections.deque,
    collections.abc.Sequence,
    collections.abc.MutableSequence,
    collections.abc.Set,
    collections.abc.Collection,
)


def _of_tuple(arguments: tuple[Any, ...]) -> Check:
    if len(arguments) == 2 and arguments[1] is Ellipsis:
        item = _compile(arguments[0])
        return lambda value: isinstance(value, tuple) and all(map(item, value))
    parts = [_compile(each) for each in arguments]
    return lambda value: (
        isinstance(value, tuple)
        and len(value) == len(parts)
        and all(part(each) for part, each in zip(parts, value, strict=True))
    )
