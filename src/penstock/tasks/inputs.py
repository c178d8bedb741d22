"""Inputs of a run as the command line's text, converted by what the workflow asks for."""

from __future__ import annotations

import inspect
import typing
from collections.abc import Sequence
from pathlib import PurePath
from typing import Any

from penstock.errors import InputError
from penstock.model.parameters import Parameter
from penstock.model.wording import shown

_COLLECTIONS = (list, dict, tuple, set, Sequence)


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
