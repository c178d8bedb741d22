"""What a definition is given by name: the parameters of functions, and a run's inputs, checked before anything starts."""

from __future__ import annotations

import inspect
import typing
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from penstock.errors import DefinitionError, InputError
from penstock.model.graph import nearest
from penstock.model.wording import listed, shown


class Parameter(NamedTuple):
    """One parameter of a task's function: its annotation and default (inspect's `empty` where there is none)."""

    name: str
    annotation: Any
    default: Any

    @property
    def required(self) -> bool:
        return self.default is inspect.Parameter.empty


class Signature(NamedTuple):
    """What a function takes by keyword; `everything` if it takes any (`**kwargs`)."""

    parameters: dict[str, Parameter]
    everything: bool


_KEYWORD = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)


def signature_of(fn: Callable[..., Any], where: str) -> Signature:
    """Raises DefinitionError for parameters that cannot be given by name."""
    try:
        found = inspect.signature(fn)
    except (TypeError, ValueError) as error:
        raise DefinitionError(f"{where}: the parameters of {fn!r} cannot be read: {error}") from error
    parameters = {}
    everything = False
    for name, parameter in found.parameters.items():
        if parameter.kind is inspect.Parameter.VAR_KEYWORD:
            everything = True
        elif parameter.kind in _KEYWORD:
            parameters[name] = Parameter(name, parameter.annotation, parameter.default)
        elif (
            parameter.kind is inspect.Parameter.POSITIONAL_ONLY
            and parameter.default is inspect.Parameter.empty
        ):
            raise DefinitionError(
                f"{where}: parameter {name!r} can only be given by place; values go by name: remove the '/'"
            )
    return Signature(parameters, everything)


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
