"""How a handler is given what was delivered: settled once, from its signature, when its slot is defined.

- `**kwargs` is given everything.
- Several parameters are given the values of their names.
- A lone parameter is given the value of its name, if that was delivered.
- A lone `data` that is not annotated, or annotated as a mapping, is given the whole dict; one that is annotated as something
  else (`data: str`) the value `data`, or else the only one.
- Where nothing matches, the first parameter is given the whole dict; a handler without parameters is given nothing.
"""

from __future__ import annotations

import inspect
import typing
from collections.abc import Callable, Mapping
from typing import Any

from penstock.errors import DefinitionError
from penstock.model.parameters import Parameter

Call = Callable[[dict[str, Any]], Any]

_BY_NAME = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
_BY_PLACE = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)


def bind(handler: Callable[..., Any]) -> Call:
    """What calls a handler with delivered data. Raises DefinitionError for what cannot be called."""
    found = signature_of(handler)
    if any(each.kind is inspect.Parameter.VAR_KEYWORD for each in found):
        return lambda data: handler(**data)
    if not found:
        return lambda data: handler()
    named = [each for each in found if each.kind in _BY_NAME]
    if len(found) == 1 and (named or found[0].kind is inspect.Parameter.POSITIONAL_ONLY):
        return _lone(handler, found[0])
    return _several(handler, named)


def bind_result(handler: Callable[..., Any], name: str) -> Call:
    """As `bind`; a lone parameter is also given the value that came under another name, `name`."""
    call, found = bind(handler), signature_of(handler)
    if len(found) != 1 or found[0].kind not in (*_BY_NAME, inspect.Parameter.POSITIONAL_ONLY):
        return call
    own = found[0].name

    def call_alone(data: dict[str, Any]) -> Any:
        for known in (own, name):
            if known in data:
                return handler(data[known])
        return call(data)

    return call_alone


def signature_of(handler: Callable[..., Any]) -> list[inspect.Parameter]:
    """A handler's parameters; of one that does not tell them, a lone one by place."""
    if not callable(handler):
        raise DefinitionError(
            f"a slot's handler must be a function, not {handler!r}: give the method itself, without calling it"
        )
    try:
        return list(inspect.signature(handler).parameters.values())
    except (TypeError, ValueError):
        return [inspect.Parameter("data", inspect.Parameter.POSITIONAL_ONLY)]


def parameters_of(handler: Callable[..., Any]) -> dict[str, Parameter]:
    """What a handler can be given by name, with its annotations as types."""
    hints = _hints(handler)
    named = [each for each in signature_of(handler) if each.kind in _BY_NAME]
    return {
        each.name: Parameter(each.name, hints.get(each.name, _unless_text(each.annotation)), each.default)
        for each in named
    }


def _lone(handler: Callable[..., Any], parameter: inspect.Parameter) -> Call:
    name = parameter.name
    by_place = parameter.kind in _BY_PLACE
    whole_first = name == "data" and _takes_mapping(handler, parameter)
    only = name == "data" and not whole_first
    by_name = by_place and not whole_first

    def call(data: dict[str, Any]) -> Any:
        if by_name and name in data:
            return handler(data[name])
        if whole_first:
            given: Any = dict(data)
        elif name in data:
            given = data[name]
        elif only and len(data) == 1:
            (given,) = data.values()
        elif not data and parameter.default is not inspect.Parameter.empty:
            return handler()
        else:
            given = dict(data)
        return handler(given) if by_place else handler(**{name: given})

    return call


def _several(handler: Callable[..., Any], named: list[inspect.Parameter]) -> Call:
    names = [each.name for each in named]
    free = all(each.default is not inspect.Parameter.empty for each in named)
    by_place = not named or named[0].kind in _BY_PLACE

    def call(data: dict[str, Any]) -> Any:
        matching = {name: data[name] for name in names if name in data}
        if matching or (free and named and not data):
            return handler(**matching)
        return handler(dict(data)) if by_place else handler(**{names[0]: dict(data)})

    return call


def _takes_mapping(handler: Callable[..., Any], parameter: inspect.Parameter) -> bool:
    annotation = _hints(handler).get(parameter.name, parameter.annotation)
    if isinstance(annotation, str):  # its type cannot be found here: judge by its name
        return annotation.partition("[")[0].rpartition(".")[2] in {"dict", "Dict", "Mapping", "Any", "object"}
    if annotation in (inspect.Parameter.empty, Any, object):
        return True
    kinds = typing.get_args(annotation) if _is_union(annotation) else (annotation,)
    return any(_is_mapping(kind) for kind in kinds)


def _is_union(annotation: Any) -> bool:
    return typing.get_origin(annotation) in (typing.Union, type(int | str))


def _is_mapping(kind: Any) -> bool:
    plain = typing.get_origin(kind) or kind
    return isinstance(plain, type) and issubclass(plain, Mapping)


def _unless_text(annotation: Any) -> Any:
    return inspect.Parameter.empty if isinstance(annotation, str) else annotation


def _hints(handler: Callable[..., Any]) -> dict[str, Any]:
    """A handler's annotations as types; none where one of them exists only for type checkers."""
    plain = inspect.unwrap(handler)
    if not inspect.isroutine(plain) and not isinstance(plain, type):
        plain = type(plain).__call__
    try:
        return typing.get_type_hints(plain)
    except Exception:  # evaluating what somebody annotated may raise anything
        return {}
