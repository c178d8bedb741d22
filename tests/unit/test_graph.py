"""Graphs of names: every graph that has no circle has an order, and every circle is found."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.model.graph import cycle, downstream, layers, nearest, sinks, successors

Graph = dict[str, list[str]]


@st.composite
def graphs(draw: st.DrawFn) -> Graph:
    """Any graph: names with what they depend on."""
    names = draw(st.lists(st.text("abcdefgh", min_size=1, max_size=3), unique=True, max_size=12))
    return {name: draw(st.lists(st.sampled_from(names), unique=True, max_size=4)) for name in names}


@st.composite
def acyclic(draw: st.DrawFn) -> Graph:
    """A graph in which each name depends on earlier ones only, told in any order."""
    size = draw(st.integers(0, 12))
    graph = {
        f"n{n}": draw(st.lists(st.sampled_from([f"n{m}" for m in range(n)]), unique=True)) if n else []
        for n in range(size)
    }
    return {name: graph[name] for name in draw(st.permutations(list(graph)))}


DIAMOND: Graph = {"a": [], "b": ["a"], "c": ["a"], "d": ["b", "c"]}


def test_successors_come_in_order_of_definition() -> None:
    assert successors(DIAMOND) == {"a": ["b", "c"], "b": ["d"], "c": ["d"], "d": []}


def test_layers_are_distances_from_the_roots_the_longest_way() -> None:
    assert layers(DIAMOND) == [["a"], ["b", "c"], ["d"]]
    assert layers({"a": [], "b": ["a"], "c": ["a", "b"]}) == [["a"], ["b"], ["c"]]


def test_nothing_has_no_layers() -> None:
    assert layers({}) == []
    assert cycle({}) == []


@given(acyclic())
def test_a_graph_without_a_circle_has_all_its_nodes_in_layers_after_what_they_need(graph: Graph) -> None:
    place = {name: number for number, layer in enumerate(layers(graph)) for name in layer}
    assert set(place) == set(graph)
    assert all(place[need] < place[name] for name, needs in graph.items() for need in needs)
    assert cycle(graph) == []


@given(graphs())
def test_a_graph_has_either_an_order_or_a_circle(graph: Graph) -> None:
    ordered = sum(map(len, layers(graph))) == len(graph)
    assert ordered is (cycle(graph) == [])


@given(graphs())
def test_a_circle_that_is_found_is_one(graph: Graph) -> None:
    loop = cycle(graph)
    assert not loop or loop[0] == loop[-1]
    assert all(before in graph[after] for before, after in itertools.pairwise(loop))
    assert len(set(loop)) == max(0, len(loop) - 1)


def test_a_circle_is_told_in_order_of_flow_though_others_hang_on_it() -> None:
    loop = cycle({"load": ["fetch"], "fetch": ["report"], "report": ["load"], "mail": ["report"]})
    assert set(loop) == {"load", "fetch", "report"}
    assert "fetch -> load" in " -> ".join([*loop, *loop[1:]])


def test_what_depends_on_itself_is_a_circle_of_one() -> None:
    assert cycle({"a": ["a"]}) == ["a", "a"]


@given(graphs())
def test_sinks_are_what_nobody_needs(graph: Graph) -> None:
    assert sinks(graph) == [name for name, after in successors(graph).items() if not after]


@given(graphs())
def test_downstream_is_closed_and_holds_where_it_began(graph: Graph) -> None:
    for start in graph:
        found = downstream(graph, [start])
        assert start in found
        assert all(name in found for name, needs in graph.items() if any(need in found for need in needs))
        assert all(name == start or any(need in found for need in graph[name]) for name in found)


def test_a_chain_of_a_hundred_thousand_is_no_matter() -> None:
    chain = {"n0": [], **{f"n{n}": [f"n{n - 1}"] for n in range(1, 100_000)}}
    assert len(layers(chain)) == 100_000
    assert len(downstream(chain, ["n0"])) == 100_000
    assert len(cycle({**chain, "n0": ["n99999"]})) == 100_001


@pytest.mark.parametrize(
    ("name", "found"), [("laod", "load"), ("Load", "load"), ("xyzzy", None), ("reports", "report")]
)
def test_the_nearest_name_is_named_if_there_is_one(name: str, found: str | None) -> None:
    assert nearest(name, ["load", "report", "mail"]) == found
