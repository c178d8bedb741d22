"""A flow's outline as a Mermaid flowchart, for READMEs and wikis that draw it."""

from __future__ import annotations

from penstock.model.outline import Graph


def mermaid(graph: Graph) -> str:
    """Routines as boxes, an arrow for each way from an event to a slot."""
    numbers = {node.name: f"r{number}" for number, node in enumerate(graph.nodes)}
    lines = ["flowchart TD"]
    for node in graph.nodes:
        words = [_escaped(node.name), *([f"<i>{_escaped(node.remark)}</i>"] if node.remark else [])]
        lines.append(f'    {numbers[node.name]}["{"<br/>".join(words)}"]')
    for edge in graph.edges:
        lines.append(f'    {numbers[edge.source]} -->|"{_escaped(edge.label)}"| {numbers[edge.target]}')
    return "\n".join(lines) + "\n"


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace('"', "&quot;")
