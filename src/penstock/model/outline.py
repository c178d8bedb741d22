"""A definition's outline: its nodes and edges, as far as they are known before it runs. Pure.

Every style may give one, by a method `as_graph()` of its definitions or of its programs; pictures, plans and checks are made of
it and know no style. A node's name is the key of its step where it is a step, and a graph may stand in a node.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple, Protocol, runtime_checkable

from penstock.model.graph import layers, sinks, successors
from penstock.model.program import Definition

STEPS: Final = ("step", "map")
"""The kinds of nodes that are steps of every run. Other kinds (a routine, say) are drawn, and may run often or never."""


class Node(NamedTuple):
    """One box. `remark` says when it runs at all; `inner` is what it consists of."""

    name: str
    kind: str = "step"
    remark: str = ""
    inner: Graph | None = None


class Edge(NamedTuple):
    """`target` follows `source`; `label` says by what."""

    source: str
    target: str
    label: str = ""


class Graph(NamedTuple):
    """Nodes in order of definition, and edges, which may lead back."""

    name: str
    nodes: Sequence[Node]
    edges: Sequence[Edge] = ()


@runtime_checkable
class Outlined(Protocol):
    """A definition or a program that can be outlined; None if it decides all as it runs.

    `input` is that of a run, where one is drawn: what is done may depend on it.
    """

    def as_graph(self, input: Any = None) -> Graph | None: ...


def graph_of(definition: Any, input: Any = None) -> Graph | None:
    """The outline of a definition, else of its program; None if only running it tells."""
    if not isinstance(definition, Outlined) and isinstance(definition, Definition):
        definition = definition.as_program()
    return definition.as_graph(input) if isinstance(definition, Outlined) else None


def flat(graph: Graph) -> Graph:
    """The graph with each graph inside it replaced by its nodes, which are named `outer/inner`.

    What led to such a node leads to those where it begins, and what left it leaves those where it ends.
    """
    nodes: list[Node] = []
    edges: list[Edge] = []
    begins: dict[str, list[str]] = {}
    ends: dict[str, list[str]] = {}
    for node in graph.nodes:
        if node.inner is None or not node.inner.nodes:
            nodes.append(node._replace(inner=None))
            begins[node.name] = ends[node.name] = [node.name]
            continue
        inner = _within(node.name, flat(node.inner))
        needs = depends_on(inner, split(inner)[0])
        nodes += inner.nodes
        edges += inner.edges
        begins[node.name] = [name for name, upstream in needs.items() if not upstream]
        ends[node.name] = sinks(needs)
    edges += [
        Edge(source, target, edge.label)
        for edge in graph.edges
        for source in ends[edge.source]
        for target in begins[edge.target]
    ]
    return Graph(graph.name, nodes, edges)


def _within(name: str, graph: Graph) -> Graph:
    nodes = [node._replace(name=f"{name}/{node.name}") for node in graph.nodes]
    edges = [Edge(f"{name}/{source}", f"{name}/{target}", label) for source, target, label in graph.edges]
    return Graph(graph.name, nodes, edges)


def split(graph: Graph) -> tuple[list[Edge], list[Edge]]:
    """The edges that lead on, among which there is no cycle, and those that lead back, to their own node perhaps."""
    back = _back(graph)
    on = [edge for edge in graph.edges if (edge.source, edge.target) not in back]
    return on, [edge for edge in graph.edges if (edge.source, edge.target) in back]


def _back(graph: Graph) -> set[tuple[str, str]]:
    """The pairs by which a walk from the nodes that nothing leads to, then from the others in order, comes back on its way."""
    after = successors(depends_on(graph, graph.edges))
    entered = {edge.target for edge in graph.edges if edge.source != edge.target}
    starts = sorted(after, key=lambda name: name in entered)
    seen: set[str] = set()
    on_the_way: set[str] = set()
    back: set[tuple[str, str]] = set()
    for start in starts:
        if start in seen:
            continue
        way: list[tuple[str, Iterator[str]]] = [(start, iter(after[start]))]
        seen.add(start)
        on_the_way.add(start)
        while way:
            name, following = way[-1]
            later = next(following, None)
            if later is None:
                on_the_way.discard(way.pop()[0])
            elif later in on_the_way:
                back.add((name, later))
            elif later not in seen:
                seen.add(later)
                on_the_way.add(later)
                way.append((later, iter(after[later])))
    return back


def depends_on(graph: Graph, edges: Iterable[Edge]) -> dict[str, tuple[str, ...]]:
    """Name -> the names whose edges lead to it, each once."""
    found: dict[str, dict[str, None]] = {node.name: {} for node in graph.nodes}
    for edge in edges:
        found[edge.target][edge.source] = None
    return {name: tuple(needs) for name, needs in found.items()}


def in_order(needs: Mapping[str, Sequence[str]]) -> list[str]:
    """Every name after those it depends on, by its distance from a beginning; there is no cycle."""
    return [name for layer in layers(needs) for name in layer]
