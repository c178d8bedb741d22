"""What depends on what in a graph of tasks, for those who want to run a part of it again. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from penstock.model.graph import downstream
from penstock.model.program import Coded, StepCode
from penstock.tasks.node import Node, Source, structure


def affected(nodes: Mapping[str, Node], steps: Iterable[str], inputs: Iterable[str]) -> set[str]:
    """These steps, those that are given these inputs, and all that depend on them; what is no step is passed over."""
    wanted = set(inputs)
    takers = (name for name, node in nodes.items() if wanted and not wanted.isdisjoint(_taken(node)))
    needs = {name: node.depends_on for name, node in nodes.items()}
    return downstream(needs, [*(step for step in steps if step in nodes), *takers])


def codes_of(nodes: Mapping[str, Node]) -> dict[str, StepCode]:
    """The code of each node, and of those of the graphs within; what it is given counts with it."""
    found: dict[str, StepCode] = {}
    for name, node in nodes.items():
        wiring = (
            structure(node),
            node.bindings,
            node.over,
            node.when_bindings,
            node.trigger,
            node.everything,
        )
        found[name] = StepCode(tuple(fn for fn in (node.fn, node.when) if fn is not None), wiring)
        if isinstance(node.program, Coded):
            inner = dict(node.program.codes())
            itself = inner.pop("", StepCode(()))
            found[name] = StepCode((*found[name].functions, *itself.functions), wiring)
            found |= {f"{name}/{step}": code for step, code in inner.items()}
    return found


def _taken(node: Node) -> Iterable[str]:
    """The run's inputs that a node is given, or that decide whether it runs."""
    sources: Iterable[tuple[str, Source]] = (*node.bindings, *node.over, *node.when_bindings)
    return (what for _, (kind, what) in sources if kind == "input")
