"""A workflow's code becomes an executor: its module is executed, its class is given what its constructor asks for."""

from __future__ import annotations

import inspect
import linecache
from collections.abc import Mapping
from typing import Any

from penstock.errors import DefinitionError
from penstock.simulations.kernel import simpy
from penstock.simulations.source import CLASS

SHAPES = "(parameters), (parameters, runner, execution_id) or (config, runner, execution_id[, container])"
_PLACED = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)


def executed(code: str, place: str) -> dict[str, Any]:
    """The names that a workflow's code defines. `place` is what tracebacks call it."""
    linecache.cache[place] = (len(code), None, code.splitlines(keepends=True), place)
    namespace: dict[str, Any] = {"__name__": "simulated_workflow", "__file__": place, "simpy": simpy()}
    exec(compile(code, place, "exec"), namespace)
    if not isinstance(namespace.get(CLASS), type):
        raise DefinitionError(f"{place} holds no class {CLASS}")
    return namespace


def assembled(
    cls: type, *, parameters: Mapping[str, Any], config: Mapping[str, Any], runner: Any, execution_id: str
) -> Any:
    """An executor: the constructor is given what it asks for, by its signature. Raises DefinitionError for any other."""
    placed = [each for each in inspect.signature(cls).parameters.values() if each.kind in _PLACED]
    named = [
        each.name
        for each in inspect.signature(cls).parameters.values()
        if each.kind is inspect.Parameter.KEYWORD_ONLY and each.default is inspect.Parameter.empty
    ]
    first = config if placed and placed[0].name == "config" else parameters
    known = {"config": config, "parameters": parameters, "runner": runner, "execution_id": execution_id}
    given = [first, runner, execution_id, parameters.get("container")]
    needed = [each for each in placed if each.default is inspect.Parameter.empty]
    if not placed or len(needed) > len(given) or not set(named) <= known.keys():
        raise DefinitionError(
            f"{CLASS}{inspect.signature(cls)} cannot be made: its constructor must take {SHAPES}"
        )
    return cls(*given[: len(placed)], **{name: known[name] for name in named})
