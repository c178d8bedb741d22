"""Which argument of a task comes from where, settled when the workflow is built.

In this order: what a map goes over, values written into the workflow, the results of upstream tasks by name, the run's inputs by
name. A required parameter named like a task that is not upstream is refused: it was forgotten in depends_on.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from penstock.errors import DefinitionError
from penstock.tasks.program import Source


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


def bind(
    task: str,
    signature: Signature,
    *,
    upstream: Sequence[str],
    tasks: Mapping[str, Any],
    values: Mapping[str, Any],
    over: Mapping[str, Any],
    inputs: Mapping[str, Any] | None,
) -> tuple[tuple[tuple[str, Source], ...], dict[str, Parameter]]:
    """The bindings of a task, and the parameters that become inputs of the run.

    `inputs` None means that inputs are whatever parameters are left over; else only the declared ones are.
    """
    for name in [*values, *over]:
        if name not in signature.parameters and not signature.everything:
            known = ", ".join(signature.parameters) or "none"
            raise DefinitionError(f"task {task!r} has no parameter {name!r}; it has {known}")
    bindings: list[tuple[str, Source]] = [(name, ("value", value)) for name, value in values.items()]
    asked: dict[str, Parameter] = {}
    for name, parameter in signature.parameters.items():
        if name in over or name in values:
            continue
        if name in upstream:
            bindings.append((name, ("task", name)))
        elif name in tasks and name != task:
            if parameter.required:
                raise DefinitionError(
                    f"task {task!r} has a parameter {name!r}, named like a task it does not depend on:"
                    f" say depends_on=[{name!r}] (or give the parameter another name)"
                )
        elif inputs is None or name in inputs:
            bindings.append((name, ("input", name)))
            asked[name] = parameter
        elif parameter.required:
            raise DefinitionError(
                f"nobody provides {name!r} of task {task!r}: it is neither a task that {task!r} depends on nor a declared"
                f" input ({', '.join(inputs) or 'none are declared'})"
            )
    return tuple(bindings), asked
