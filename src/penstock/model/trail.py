"""The outline of a run that decided its steps as it ran: which began after which had ended, as its log tells. Pure.

A step follows those that ended since others last began: calls one after another are a chain, calls that were gathered stand
side by side and meet again in what follows. What really depended on what, only the code knows.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from penstock.model import events as e
from penstock.model.outline import Edge, Graph, Node


def trail(name: str, log: Iterable[e.Event]) -> Graph:
    """The steps of a log, each after those that it followed."""
    nodes: dict[str, Node] = {}
    edges: list[Edge] = []
    running: Counter[str] = Counter()
    ended: dict[str, None] = {}
    before: list[str] = []
    for event in log:
        if isinstance(event, e.StepStarted):
            running[event.step] += 1
            if event.step in nodes:
                continue
            if ended:
                before, ended = list(ended), {}
            nodes[event.step] = Node(event.step, "step" if event.item is None else "map")
            edges += [Edge(each, event.step) for each in before]
        elif isinstance(event, e.StepDone | e.StepFailed | e.StepCancelled | e.StepReused):
            if isinstance(event, e.StepReused):
                nodes.setdefault(event.step, Node(event.step))
            running[event.step] = max(0, running[event.step] - 1)
            if event.step in nodes and not running[event.step]:
                ended[event.step] = None
    return Graph(name, list(nodes.values()), edges)
