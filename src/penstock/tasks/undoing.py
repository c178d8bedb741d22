"""How a task is undone: its option `undo`, made a part of what its step is allowed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from penstock.model.policies import Policy, Undo
from penstock.model.undo import undo_of


def undone_by(
    policy: Policy,
    options: Mapping[str, Any],
    fn: Callable[..., Any],
    task: str,
    resources: Mapping[str, Any] | None = None,
) -> Policy:
    """The policy of a task, with its undo if it names one. Raises DefinitionError for an undo that cannot be called.

    `resources` are those of its workflow; an undo is given them as a task is.
    """
    undo = options.get("undo")
    if undo is None:
        return policy
    within = _is_transaction(undo)
    provided = {*(resources or ()), *(["connection"] if within else ())}
    made = undo_of(fn, undo, f"task {task!r}", provided)
    if resources:
        made = _given(
            made, {name: each for name, each in resources.items() if not within or name != "connection"}
        )
    return msgspec.structs.replace(policy, undo=made)


def _is_transaction(undo: Any) -> bool:
    return bool(getattr(undo, "options", {}).get("transaction"))


def _given(undo: Undo, resources: Mapping[str, Any]) -> Undo:
    """An undo whose parameters that name resources are given them when it runs."""
    import inspect

    taken = {name: resources[name] for name in inspect.signature(undo.fn).parameters if name in resources}
    if not taken:
        return undo
    from penstock.context import with_resources

    return msgspec.structs.replace(undo, fn=with_resources(undo.fn, taken))
