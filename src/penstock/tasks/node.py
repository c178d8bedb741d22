"""One node of a checked graph: a task, a map, a workflow inside, a wait, with what it is given and when it runs. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Literal

import msgspec

from penstock.model.child import Child
from penstock.model.policies import DEFAULT, Policy
from penstock.model.program import Partial, Program, Sleep, Wait

Trigger = Literal["all_succeeded", "all_done", "any_succeeded", "any_failed"]
"""When a task runs once everything upstream has settled; otherwise it is skipped."""

Source = tuple[Literal["task", "input", "value"], Any]
"""Where an argument comes from: a task's result, an input of the run, or a value written into the workflow."""

Pairs = tuple[tuple[str, str], ...]
"""(parameter, upstream task) of each argument that is a result."""


class Node(msgspec.Struct, frozen=True):
    """One task of a graph. `bindings` says where each argument comes from; `over` the arguments a map goes over.

    `waits` is what a step asks for that waits, instead of running a function; `convert` makes its value of what came.
    `defaults` are what a workflow inside declares of inputs that it is not given.
    """

    name: str
    fn: Callable[..., Any] | None
    depends_on: tuple[str, ...] = ()
    bindings: tuple[tuple[str, Source], ...] = ()
    everything: bool = False
    over: tuple[tuple[str, Source], ...] = ()
    window: int = 256
    partial: Partial = "fail"
    program: Program | None = None
    when: Callable[..., bool] | None = None
    when_bindings: tuple[tuple[str, Source], ...] = ()
    trigger: Trigger = "all_succeeded"
    optional: bool = False
    policy: Policy = DEFAULT
    waits: Wait | Sleep | None = None
    convert: Callable[[Any], Any] | None = None
    defaults: Mapping[str, Any] = {}


def is_plain(node: Node) -> bool:
    """Whether it is one call of a function that runs when all upstream has succeeded."""
    return (
        node.fn is not None
        and not node.over
        and node.when is None
        and node.trigger == "all_succeeded"
        and not node.everything
    )


def structure(node: Node) -> str:
    """What a graph's version is made of."""
    inner = node.program.version if node.program is not None else ""
    return f"{_kind(node)} {node.name} <- {', '.join(node.depends_on)} {inner}"


def waiting_for(waits: Wait | Sleep) -> str:
    """What a step waits for, in words."""
    if isinstance(waits, Wait):
        return f"waits for {'approval' if waits.approval else 'signal'} {waits.signal}"
    if waits.until is None:
        return f"sleeps {waits.seconds:g} s"
    return f"sleeps until {datetime.fromtimestamp(waits.until, UTC):%Y-%m-%d %H:%M:%S} UTC"


def _kind(node: Node) -> str:
    if node.waits is not None:
        return type(node.waits).__name__.lower()
    if isinstance(node.fn, Child):
        return "child"
    return "open" if node.program is not None else "map" if node.over else "do"
