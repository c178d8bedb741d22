"""A workflow's inputs as options of the command line: `--limit INTEGER`, `--out PATH`, `--dry-run/--no-dry-run`."""

from __future__ import annotations

import inspect
import typing
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import click

from penstock.cli.pairs import pairs_in

if TYPE_CHECKING:
    from penstock.model.parameters import Parameter

PREFIX = "input__"
"""Begins the names of these options among a command's parameters."""


def inputs_of(definition: Any) -> dict[str, Parameter]:
    """What a run of a workflow is given by name."""
    found: dict[str, Parameter] = getattr(definition, "inputs", None) or {}
    return found


def options_for(parameters: Mapping[str, Parameter], taken: Iterable[str]) -> list[click.Option]:
    """An option for each input whose name is not taken."""
    names = set(taken)
    return [_option(each) for name, each in parameters.items() if _flag(name) not in names]


def given(
    flow: str, parameters: Mapping[str, Parameter], found: Mapping[str, Any], pairs: Iterable[str]
) -> dict[str, Any]:
    """The inputs, converted, from parsed options and from `--input NAME=VALUE` pairs. Raises InputError and SettingsError."""
    from penstock.tasks.inputs import parse_input

    values: dict[str, Any] = {}
    for name, parameter in parameters.items():
        text = found.get(PREFIX + name)
        if isinstance(text, tuple):
            if text:
                values[name] = _many(flow, parameter, text)
        elif text is not None:
            values[name] = text if isinstance(text, bool) else parse_input(flow, parameter, text)
    for name, text in pairs_in("--input", pairs).items():
        values[name] = parse_input(flow, parameters[name], text) if name in parameters else text
    return values


def _option(parameter: Parameter) -> click.Option:
    flag = _flag(parameter.name)
    expected = expected_of(parameter)
    shown = not parameter.required and parameter.default is not None
    default = f"[default: {parameter.default}]" if shown else "[required]" if parameter.required else ""
    text = "  ".join(filter(None, (getattr(parameter, "description", ""), default)))
    if expected is bool:
        return click.Option([f"{flag}/--no-{flag[2:]}", PREFIX + parameter.name], default=None, help=text)
    many = typing.get_origin(expected) is list
    wanted = typing.get_args(expected)[0] if many and typing.get_args(expected) else expected
    return click.Option(
        [flag, PREFIX + parameter.name],
        metavar=_metavar(wanted),
        multiple=many,
        help=f"{'may be repeated  ' if many else ''}{text}",
    )


def _flag(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def expected_of(parameter: Parameter) -> Any:
    """The type an input is to have: as annotated, else as its default."""
    from penstock.tasks.inputs import without_none

    if parameter.annotation is not inspect.Parameter.empty:
        return without_none(parameter.annotation)
    return str if parameter.required or parameter.default is None else type(parameter.default)


def _metavar(expected: Any) -> str:
    names = {
        str: "TEXT",
        int: "INTEGER",
        float: "NUMBER",
        dict: "JSON",
        list: "JSON",
        tuple: "JSON",
        set: "JSON",
    }
    known = names.get(expected) or names.get(typing.get_origin(expected))
    return known or getattr(expected, "__name__", "VALUE").upper()


def _many(flow: str, parameter: Parameter, texts: tuple[str, ...]) -> Any:
    """A list from one JSON array, or from an option given again and again."""
    from penstock.tasks.inputs import parse_input

    if len(texts) == 1 and texts[0].lstrip().startswith("["):
        return parse_input(flow, parameter, texts[0])
    wanted = typing.get_args(expected_of(parameter))
    each = parameter._replace(annotation=wanted[0] if wanted else str)
    return [parse_input(flow, each, text) for text in texts]
