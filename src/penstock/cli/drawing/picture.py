"""What a picture of a workflow shows: its steps, what they depend on, and, of a run, what became of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from penstock.errors import DefinitionError
from penstock.model.outline import STEPS, Edge, Graph, Node, depends_on, flat, graph_of, in_order, split


class Box(NamedTuple):
    """One node. `kind` is step or map, or a style's own; `remark` says when it runs at all; `status` and `said` are a run's.

    `depends_on` never leads round in a circle; `back` names what it leads back to.
    """

    name: str
    depends_on: tuple[str, ...] = ()
    kind: str = "step"
    remark: str = ""
    status: str = ""
    said: str = ""
    back: tuple[str, ...] = ()

    @property
    def is_step(self) -> bool:
        """Whether every run has it as a step."""
        return self.kind in STEPS


class Picture(NamedTuple):
    """A workflow, or a run of it, as a graph: every box comes after those it depends on.

    `labels` says what edges are called that have a name, by the boxes they join.
    """

    name: str
    boxes: dict[str, Box]
    labels: Mapping[tuple[str, str], str] = {}

    @property
    def depends_on(self) -> dict[str, tuple[str, ...]]:
        """Name -> the names it depends on."""
        return {name: box.depends_on for name, box in self.boxes.items()}

    @property
    def edges(self) -> Iterator[tuple[str, str]]:
        """The boxes that an edge joins: first the edges that lead on, then those that lead back."""
        for box in self.boxes.values():
            yield from ((need, box.name) for need in dict.fromkeys(box.depends_on))
        for box in self.boxes.values():
            yield from ((box.name, target) for target in box.back)


def picture_of(definition: Any) -> Picture:
    """The picture of a definition, or of a program. Raises DefinitionError if its steps are not known before it runs."""
    graph = graph_of(definition)
    if graph is None:
        name = getattr(definition, "name", None) or definition.as_program().name
        raise DefinitionError(
            f"workflow {name!r} decides its steps as it runs: draw one of its runs, or see `penstock show RUN`"
        )
    return picture_in(graph)


def picture_in(graph: Graph) -> Picture:
    """The picture of a graph: graphs inside it are drawn as their nodes."""
    graph = flat(graph)
    on, back = split(graph)
    needs = depends_on(graph, on)
    nodes = {node.name: node for node in graph.nodes}
    comes_back = depends_on(Graph("", graph.nodes), [Edge(edge.target, edge.source) for edge in back])
    boxes = {name: _box(nodes[name], needs[name], comes_back[name]) for name in in_order(needs)}
    return Picture(graph.name, boxes, _labels(graph.edges))


def _box(node: Node, needs: tuple[str, ...], back: tuple[str, ...]) -> Box:
    return Box(node.name, needs, node.kind, node.remark, back=back)


def _labels(edges: Iterable[Edge]) -> dict[tuple[str, str], str]:
    """The names of edges that have one; of several between two boxes, all."""
    found: dict[tuple[str, str], dict[str, None]] = {}
    for edge in edges:
        if edge.label:
            found.setdefault((edge.source, edge.target), {})[edge.label] = None
    return {pair: ", ".join(labels) for pair, labels in found.items()}
