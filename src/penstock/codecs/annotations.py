"""The records and enums within a type annotation, down through the fields of those records."""

from __future__ import annotations

import enum
import sys
import types
import typing
from collections.abc import Iterator
from typing import Any

from penstock.codecs.classes import class_rule
from penstock.codecs.rules import Rule


def rules_in(annotation: Any) -> dict[type, Rule]:
    """The rule of each record or enum that `annotation` mentions, itself or in the fields of one it mentions.

    A name that cannot be resolved (imported for type checkers only, say) is passed over.
    """
    rules: dict[type, Rule] = {}
    seen: list[Any] = []
    waiting = [annotation]
    while waiting:
        hint = waiting.pop()
        if any(hint is other for other in seen):
            continue
        seen.append(hint)
        rule = class_rule(hint) if _is_class(hint) else None
        if rule is not None:
            rules[hint] = rule
        if rule is not None or typing.is_typeddict(hint):
            waiting += _field_hints(hint)
        waiting += _inner(hint)
    return rules


def _is_class(hint: Any) -> bool:
    if isinstance(hint, types.GenericAlias):  # list[int] passes for a type
        return False
    return isinstance(hint, type) and hint.__module__ != "builtins"


def _inner(hint: Any) -> Iterator[Any]:
    """What an annotation is made of: its origin, arguments, alias, bound."""
    origin = typing.get_origin(hint)
    if origin is typing.Literal:
        yield from (type(member) for member in typing.get_args(hint) if isinstance(member, enum.Enum))
        return
    if origin is typing.Annotated:
        yield hint.__origin__
        return
    for argument in typing.get_args(hint):
        yield from argument if isinstance(argument, list) else (argument,)  # Callable[[A, B], C]
    if origin is not None:
        yield origin
    if not isinstance(hint, type):
        for name in ("__supertype__", "__value__", "__bound__"):
            yield from (part for part in (getattr(hint, name, None),) if part is not None)
        yield from getattr(hint, "__constraints__", ())


def _field_hints(cls: type) -> list[Any]:
    """The resolved annotations of a class and of its bases."""
    hints: list[Any] = []
    for base in cls.__mro__:
        module = sys.modules.get(base.__module__)
        names = {**vars(module), base.__name__: base} if module else {base.__name__: base}
        hints += [_resolved(hint, names) for hint in vars(base).get("__annotations__", {}).values()]
    return hints


def _resolved(hint: Any, names: dict[str, Any]) -> Any:
    if not isinstance(hint, str) and not typing.get_args(hint):
        return hint
    holder = type("Holder", (), {"__annotations__": {"hint": hint}})
    try:
        return typing.get_type_hints(holder, globalns=names, localns={}, include_extras=True)["hint"]
    except Exception:  # the annotation is another's code: whatever it raises, it names no class we can know
        return None
