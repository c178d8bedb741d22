"""Which argument of a task comes from where, settled when the workflow is built.

In this order: what a map goes over, values written into the workflow, the results of upstream tasks by name, the run's
inputs by name. A required parameter named like a task that is not upstream is refused: it was forgotten in depends_on.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, NamedTuple

from penstock.errors import DefinitionError
from penstock.model.parameters import Parameter, Signature
from penstock.model.wording import listed
from penstock.tasks.node import Source


def check_connection(signature: Signature, task: str) -> None:
    """Raise DefinitionError for a task with a transaction that has no parameter for its connection."""
    if "connection" not in signature.parameters and not signature.everything:
        raise DefinitionError(
            f"task {task!r} has transaction=True and no parameter 'connection', by which it would write: add one, or leave"
            " transaction=True out"
        )


class Around(NamedTuple):
    """What a task finds around it: the tasks it depends on, all tasks, and the declared inputs (None: none are declared)."""

    upstream: Collection[str]
    tasks: Mapping[str, Any]
    inputs: Mapping[str, Any] | None


def bind(
    task: str,
    signature: Signature,
    around: Around,
    *,
    values: Mapping[str, Any],
    over: Mapping[str, Any],
) -> tuple[tuple[tuple[str, Source], ...], dict[str, Parameter]]:
    """The bindings of a task, and the parameters that become inputs of the run.

    Without declared inputs these are whatever parameters are left over; else only the declared ones.
    """
    for name in [*values, *over]:
        if name not in signature.parameters and not signature.everything:
            known = listed(signature.parameters) or "none"
            raise DefinitionError(f"task {task!r} has no parameter {name!r}; it has {known}")
    bindings: list[tuple[str, Source]] = [(name, ("value", value)) for name, value in values.items()]
    asked: dict[str, Parameter] = {}
    for name, parameter in signature.parameters.items():
        source = None if name in over or name in values else _source_of(task, parameter, around)
        if source is not None:
            bindings.append((name, source))
            if source[0] == "input":
                asked[name] = parameter
    return tuple(bindings), asked


def _source_of(task: str, parameter: Parameter, around: Around) -> Source | None:
    """Where a parameter's argument comes from; None: its default stands. Raises DefinitionError if nobody provides it."""
    name, inputs = parameter.name, around.inputs
    if name in around.upstream:
        return ("task", name)
    if name in around.tasks and name != task:
        if parameter.required:
            raise DefinitionError(
                f"task {task!r} has a parameter {name!r}, named like a task it does not depend on:"
                f" say depends_on=[{name!r}] (or give the parameter another name)"
            )
        return None
    if inputs is None or name in inputs:
        return ("input", name)
    if parameter.required:
        raise DefinitionError(
            f"nobody provides {name!r} of task {task!r}: it is neither a task that {task!r} depends on nor a declared"
            f" input ({listed(inputs) or 'none are declared'})"
        )
    return None
