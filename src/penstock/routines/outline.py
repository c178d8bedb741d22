"""The outline of a flow: its routines, and for each event where it leads. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from penstock.model.outline import Edge, Graph, Node

if TYPE_CHECKING:
    from penstock.routines.program import FlowProgram

KIND = "routine"


def outline(program: FlowProgram) -> Graph:
    """Routines by their ids; an edge says which event leads to which slot. A flow may lead back."""
    nodes = [Node(name, KIND) for name in program.kinds]
    routes = [route for source, route in program.routes.items() if isinstance(source, str)]
    edges = [
        Edge(
            route.routine, station.routine, f"{route.event} → {station.slot}" if station.slot else route.event
        )
        for route in routes
        for station, _ in route.targets
    ]
    return Graph(program.name, nodes, edges)
