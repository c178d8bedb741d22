"""The outline of an orchestration: its groups one after another, orchestrations in it with groups of their own."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from penstock.errors import DefinitionError, UnknownParameter
from penstock.model.outline import Edge, Graph, Node
from penstock.processes.arranging import HOOKS, Arrangement, arrange, key_of
from penstock.processes.arranging import Node as Child

BEFORE, CHILDREN, AFTER = HOOKS


def outline_of(make: Callable[[], Any]) -> Graph | None:
    """The graph of the process that `make` makes to be looked at; None if it cannot be told without more inputs.

    Raises what is wrong with the orchestration itself, where it has all the inputs that it needs.
    """
    unit = None
    try:
        unit = make()
        return outline(unit)
    except (DefinitionError, UnknownParameter):
        if unit is not None and _has_all(unit):
            raise
        return None
    except Exception:  # it asks for inputs that are not there: a run will say so if they are wrong
        return None


def _has_all(unit: Any) -> bool:
    return all(each.is_set or each.default is not None or not each.required for each in unit.input.values())


def outline(unit: Any) -> Graph:
    """The graph of a process that nobody else uses. Raises whatever its orchestration does."""
    if not unit.orchestrates:
        return Graph(unit.name, [Node(key_of(unit.name))])
    unit.define_orchestration()
    return _drawn(unit, arrange(unit, unit.children, unit._connections))


def _drawn(unit: Any, made: Arrangement) -> Graph:
    nodes = [Node(BEFORE)] if unit.overrides(BEFORE) else []
    before = [node.name for node in nodes]
    edges: list[Edge] = []
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
    return Graph(unit.name, nodes, edges)


def _node(child: Child) -> Node:
    nested = child.unit.orchestrates and not child.detached
    inner = outline_of(lambda: child.unit) if nested else None
    return Node(child.key, remark="nobody waits for it" if child.detached else "", inner=inner)


def _carried(child: Child, source: str) -> str:
    """What comes along an edge, as `result → numbers`."""
    return ", ".join(_said(link.name, link.target_name) for link in _from(child, source))


def _from(child: Child, source: str) -> Iterable[Any]:
    return (link for link in child.links if link.key == source and link.output)


def _said(name: str, target: str) -> str:
    return name if name == target else f"{name} → {target}"
