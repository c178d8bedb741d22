"""Outlines: graphs within graphs are flattened, and edges that lead back are told from those that lead on."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from penstock.model.graph import cycle
from penstock.model.outline import Edge, Graph, Node, depends_on, flat, graph_of, in_order, split
from penstock.model.program import Plan


def graph(*edges: str, nodes: str = "") -> Graph:
    pairs = [Edge(*edge.split()) for edge in edges]
    names = dict.fromkeys([*nodes.split(), *(name for edge in pairs for name in edge[:2])])
    return Graph("it", [Node(name) for name in names], pairs)


def led_back(it: Graph) -> list[str]:
    return [f"{edge.source} {edge.target}" for edge in split(it)[1]]


def test_an_edge_to_where_the_way_came_from_leads_back() -> None:
    assert led_back(graph("a b", "b c", "c a")) == ["c a"]
    assert led_back(graph("a b", "b b")) == ["b b"]
    assert led_back(graph("a b", "a c", "b d", "c d")) == []


def test_a_way_begins_where_nothing_leads_to() -> None:
    assert led_back(graph("b c", "c b", "a b", nodes="b c a")) == ["c b"]


def test_a_long_cycle_is_no_deep_recursion() -> None:
    names = [f"n{number}" for number in range(20_000)]
    ring = graph(*(f"{one} {other}" for one, other in zip(names, [*names[1:], names[0]], strict=True)))
    assert led_back(ring) == ["n19999 n0"]


@given(st.lists(st.tuples(st.integers(0, 7), st.integers(0, 7)), max_size=24))
def test_what_leads_on_has_no_cycle_and_every_edge_is_one_or_the_other(pairs: list[tuple[int, int]]) -> None:
    it = graph(*(f"n{one} n{other}" for one, other in pairs), nodes=" ".join(f"n{i}" for i in range(8)))
    on, back = split(it)
    assert sorted([*on, *back]) == sorted(it.edges)
    needs = depends_on(it, on)
    assert cycle(needs) == []
    assert sorted(in_order(needs)) == sorted(needs)


def test_a_graph_in_a_node_is_replaced_by_its_nodes() -> None:
    outer = graph("a inner", "inner b")
    inner = Graph("inner", [Node("x"), Node("y", "map"), Node("z")], [Edge("x", "z", "by"), Edge("y", "z")])
    nodes = [node._replace(inner=inner) if node.name == "inner" else node for node in outer.nodes]
    found = flat(outer._replace(nodes=nodes))
    assert [(node.name, node.kind) for node in found.nodes] == [
        ("a", "step"), ("inner/x", "step"), ("inner/y", "map"), ("inner/z", "step"), ("b", "step")
    ]  # fmt: skip
    assert set(found.edges) == {
        Edge("inner/x", "inner/z", "by"),
        Edge("inner/y", "inner/z"),
        Edge("a", "inner/x"),
        Edge("a", "inner/y"),
        Edge("inner/z", "b"),
    }


def test_a_ring_in_a_node_begins_and_ends_somewhere() -> None:
    ring = Graph("ring", [Node("x"), Node("y")], [Edge("x", "y"), Edge("y", "x")])
    found = flat(Graph("it", [Node("a"), Node("r", inner=ring), Node("b")], [Edge("a", "r"), Edge("r", "b")]))
    assert Edge("a", "r/x") in found.edges
    assert Edge("r/y", "b") in found.edges


def test_a_graph_without_nodes_stays_a_node() -> None:
    found = flat(Graph("it", [Node("empty", inner=Graph("empty", []))]))
    assert found.nodes == [Node("empty")]


class Told(Plan):
    """A program that says what it will do."""

    def as_graph(self, input: object = None) -> Graph:
        return graph("a b")


class Asked:
    """A definition that leaves it to its program."""

    def as_program(self) -> Plan:
        return Told()


class Silent:
    def as_program(self) -> Plan:
        return Plan()


def test_an_outline_is_the_definitions_or_its_programs() -> None:
    assert graph_of(Told()) == graph_of(Asked()) == graph("a b")
    assert graph_of(Silent()) is None
    assert graph_of(Plan()) is None
