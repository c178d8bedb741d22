"""The outline of an orchestration: its groups one after another, orchestrations in it with groups of their own."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from penstock.model.outline import Edge, Graph, Node
from penstock.processes.arranging import HOOKS, Arrangement, arrange, key_of
from penstock.processes.arranging import Node as Child

BEFORE, CHILDREN, AFTER = HOOKS


def outline_of(make: Callable[[], Any]) -> Graph | None:
    """The graph of the process that `make` makes to be looked at; None if it cannot be told without more inputs."""
    try:
        return outline(make())
    except Exception:  # it asks for inputs that are not there, or is wrong: a run says so
        return None


def outline(unit: Any) -> Graph:
    """The graph of a process that nobody else uses. Raises whatever its orchestration does."""
    if not unit.orchestrates:
        return Graph(unit.name, [Node(key_of(unit.name))])
    unit.define_orchestration()
    return _drawn(unit, arrange(unit, unit.children, unit._connections))


def _drawn(unit: Any, made: Arrangement) -> Graph:
    nodes: list[Node] = []
    edges: list[Edge] = []
    before: list[str] = []
    for group in made.groups:
        nodes += [_node(child) for child in group.nodes]
        edges += [
            Edge(source, child.key, _carried(child, source)) for child in group.nodes for source in before
        ]
        before = [child.key for child in group.nodes if not child.detached] or before
    for hook in (CHILDREN, AFTER):
        if unit.overrides(hook):
            nodes.append(Node(hook))
            edges += [Edge(source, hook) for source in before]
            before = [hook]
    if unit.overrides(BEFORE):
        first = (
            [child.key for child in made.groups[0].nodes]
            if made.groups
            else [node.name for node in nodes[:1]]
        )
        nodes.insert(0, Node(BEFORE))
        edges += [Edge(BEFORE, name) for name in first]
    return Graph(unit.name, nodes, edges)


def _node(child: Child) -> Node:
    nested = child.unit.orchestrates and not child.detached
    inner = outline_of(lambda: child.unit) if nested else None  # it may need what is linked to it
    return Node(child.key, remark="nobody waits for it" if child.detached else "", inner=inner)


def _carried(child: Child, source: str) -> str:
    """What comes along an edge, as `result → numbers`."""
    return ", ".join(_said(link.name, link.target_name) for link in _from(child, source))


def _from(child: Child, source: str) -> Iterable[Any]:
    return (link for link in child.links if link.key == source and link.output)


def _said(name: str, target: str) -> str:
    return name if name == target else f"{name} → {target}"
