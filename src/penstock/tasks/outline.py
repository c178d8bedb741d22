"""The outline of a graph of tasks: what is drawn and planned before it runs. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from penstock.model.outline import Edge, Graph, Node
from penstock.tasks.node import waiting_for

if TYPE_CHECKING:
    from penstock.model.program import Program
    from penstock.tasks import node as nodes


def outline(name: str, tasks: Iterable[nodes.Node]) -> Graph:
    """The graph of these tasks; a task that is a workflow itself holds its own."""
    tasks = list(tasks)
    edges = [Edge(upstream, node.name) for node in tasks for upstream in node.depends_on]
    return Graph(name, [_outlined(node) for node in tasks], edges)


def _outlined(node: nodes.Node) -> Node:
    return Node(node.name, "map" if node.over else "step", _remark(node), _inner(node.program))


def _inner(program: Program | None) -> Graph | None:
    told: Any = getattr(program, "as_graph", None)
    return None if told is None else told()


def _remark(node: nodes.Node) -> str:
    words = [] if node.waits is None else [waiting_for(node.waits)]
    if node.when is not None:
        words.append(f"if {_name_of(node.when)}")
    if node.trigger != "all_succeeded":
        words.append(f"when {node.trigger.replace('_', ' ')}")
    if node.optional:
        words.append("optional")
    return ", ".join(words)


def _name_of(fn: Callable[..., Any]) -> str:
    name = str(getattr(fn, "__name__", ""))
    return "its condition holds" if not name or "lambda" in name else name.replace("_", " ")
