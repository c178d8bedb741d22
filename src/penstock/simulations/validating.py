"""Everything that can be known to be wrong with a configuration and its workflow's code, without executing anything."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from penstock.errors import UserError
from penstock.simulations.configuration import Configuration, examine
from penstock.simulations.finding import find
from penstock.simulations.parameters import problems_in
from penstock.simulations.problems import Problem
from penstock.simulations.source import source_in


class Validated(NamedTuple):
    """What a configuration was found to be; `parameters` are those an execution would have."""

    name: str
    parameters: dict[str, Any]
    problems: list[Problem]


def validate(file: str | Path) -> Validated:
    """Look at a configuration; nothing is raised for what is wrong with it."""
    found, problems = examine(file)
    if found is None:
        return Validated(Path(file).stem, {}, problems)
    defaults: dict[str, Any] = {}
    needed: tuple[str, ...] = ()
    try:
        files = find(Path(found.file).parent, found.name, found)
        source = source_in(files.file())
        needed = source.needed
        stored = files.defaults if files.defaults is not found else None
        defaults = {**source.asked, **(stored.parameters if stored is not None else {})}
    except UserError as error:
        if found.name:
            problems.append(Problem("", "", "", str(error)))
    problems += problems_in(found, defaults)
    parameters = defaults | found.parameters
    problems += _missing(found, needed, parameters)
    return Validated(found.name or Path(file).stem, parameters, problems)


def _missing(found: Configuration, needed: tuple[str, ...], parameters: dict[str, Any]) -> Iterator[Problem]:
    for name in sorted(needed):
        if parameters.get(name) is None:
            yield Problem(found.file, "parameters", name, "is missing: the workflow's code needs it")
