"""The outline of a flow: its routines, and for each event where it leads. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from penstock.model.outline import Edge, Graph, Node
from penstock.routines.messages import Routes

KIND = "routine"


def outline(name: str, routines: Iterable[str], routes: Routes) -> Graph:
    """Routines by their ids; an edge says which event leads to which slot. A flow may lead back."""
    nodes = [Node(each, KIND) for each in routines]
    edges = [
        Edge(
            route.routine, station.routine, f"{route.event} → {station.slot}" if station.slot else route.event
        )
        for source, route in routes.items()
        if isinstance(source, str)
        for station, _ in route.targets
    ]
    return Graph(name, nodes, edges)
