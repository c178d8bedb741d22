"""A flow's outline as a Mermaid flowchart, for READMEs and wikis that draw it."""

from __future__ import annotations

from collections.abc import Mapping

from penstock.model.outline import Graph
from penstock.model.texts import marked_up


def mermaid(graph: Graph, kinds: Mapping[str, str]) -> str:
    """Routines as boxes with their classes, an arrow for each way from an event to a slot."""
    numbers = {node.name: f"r{number}" for number, node in enumerate(graph.nodes)}
    lines = ["flowchart TD"]
    for node in graph.nodes:
        text = f"{marked_up(node.name)}<br/><i>{marked_up(kinds[node.name])}</i>"
        lines.append(f'    {numbers[node.name]}["{text}"]')
    for edge in graph.edges:
        lines.append(f'    {numbers[edge.source]} -->|"{marked_up(edge.label)}"| {numbers[edge.target]}')
    return "\n".join(lines) + "\n"
