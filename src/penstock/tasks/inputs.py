"""Inputs of a run: what a workflow asks for, from a call or from the command line, checked before anything starts."""

from __future__ import annotations

import inspect
import typing
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import PurePath
from typing import Any

from penstock.errors import InputError
from penstock.model.graph import nearest
from penstock.model.wording import listed, shown
from penstock.tasks.binding import Parameter


def bind_inputs(flow: str, asked: Mapping[str, Parameter], given: Mapping[str, Any]) -> dict[str, Any]:
    """The run's inputs; defaults stay with the tasks. Raises InputError for all that is unknown, missing or of a wrong type."""
    for name in given:
        if name not in asked:
            raise InputError(f"workflow {flow!r} has no input {name!r}; {_known(name, asked)}")
    missing = [name for name, parameter in asked.items() if parameter.required and name not in given]
    if missing:
        example = listed(f"{name}=..." for name in missing)
        raise InputError(
            f"workflow {flow!r} needs {_list(missing)}: give {example} (on the command line --{missing[0].replace('_', '-')})"
        )
    for name, value in given.items():
        _check_type(flow, asked[name], value)
    return dict(given)


def _known(name: str, asked: Mapping[str, Parameter]) -> str:
    close = nearest(name, asked)
    if close is not None:
        return f"did you mean {close!r}?"
    return f"it has {_list(list(asked))}" if asked else "it has none"


def _list(names: list[str]) -> str:
    return ("inputs " if len(names) > 1 else "input ") + listed(map(repr, names))


def _check_type(flow: str, parameter: Parameter, value: Any) -> None:
    """Plain classes only: deeper types are the task's own affair."""
    expected = parameter.annotation
    if not _fits(value, expected):
        wanted = getattr(expected, "__name__", str(expected))
        raise InputError(
            f"input {parameter.name!r} of workflow {flow!r} must be {wanted}; {shown(value)} is {type(value).__name__}"
        )


_COLLECTIONS = (list, dict, tuple, set, Sequence)
_PLAIN = (str, int, float, bool, bytes, list, dict, tuple, set)


def _fits(value: Any, expected: Any) -> bool:
    if type(value) is expected:
        return True
    origin = typing.get_origin(expected)
    if origin in (list, dict, tuple, set):
        expected = origin
    if expected is Sequence:  # of a map: whatever can be gone over
        return isinstance(value, Iterable) and not isinstance(value, str | bytes)
    if expected not in _PLAIN:
        return True
    if expected is float:
        return isinstance(value, int | float) and not isinstance(value, bool)
    if expected is int:
        return isinstance(value, int) and not isinstance(value, bool)
    return isinstance(value, expected)


def resolve_annotations(fn: Callable[..., Any], parameters: Mapping[str, Parameter]) -> dict[str, Parameter]:
    """Parameters with their annotations as types, where they were written as text (`from __future__ import annotations`)."""
    hints = hints_of(fn)
    return {
        name: parameter._replace(annotation=hints.get(name, inspect.Parameter.empty))
        if isinstance(parameter.annotation, str)
        else parameter
        for name, parameter in parameters.items()
    }


def hints_of(fn: Callable[..., Any]) -> dict[str, Any]:
    """A function's annotations as types; none where one of them exists only for type checkers."""
    fn = inspect.unwrap(fn)
    if not getattr(fn, "__annotations__", True):
        return {}
    try:
        return typing.get_type_hints(fn)
    except Exception:
        return {}


def parse_input(flow: str, parameter: Parameter, text: str) -> Any:
    """A value from the command line's text, by the parameter's type: text as it is, else JSON, else text converted."""
    import msgspec

    expected = (
        parameter.annotation
        if parameter.annotation is not inspect.Parameter.empty
        else _type_of(parameter.default)
    )
    expected = without_none(expected)
    if expected is str:
        return text
    try:
        if typing.get_origin(expected) in _COLLECTIONS or expected in _COLLECTIONS:
            return msgspec.json.decode(text, type=expected)
        if isinstance(expected, type) and issubclass(expected, PurePath):
            return expected(text)
        return msgspec.convert(text, expected, strict=False)
    except (msgspec.MsgspecError, TypeError) as error:
        wanted = getattr(expected, "__name__", str(expected))
        raise InputError(
            f"input {parameter.name!r} of workflow {flow!r} must be {wanted}; {shown(text)} is not ({error})"
        ) from error


def without_none(annotation: Any) -> Any:
    """`int` of `int | None`."""
    parts = [part for part in typing.get_args(annotation) if part is not type(None)]
    return parts[0] if len(parts) == 1 and type(None) in typing.get_args(annotation) else annotation


def _type_of(default: Any) -> Any:
    return str if default is inspect.Parameter.empty or default is None else type(default)
