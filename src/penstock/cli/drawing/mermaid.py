"""Writes a picture as a Mermaid flowchart, for READMEs and wikis that draw it."""

from __future__ import annotations

from typing import Final

from penstock.cli.drawing.picture import Box, Picture
from penstock.model.texts import marked_up

_CLASSES: Final = {
    "completed": "fill:#e6f4ea,stroke:#34a853,color:#1e4620",
    "running": "fill:#e8f0fe,stroke:#4285f4,color:#174ea6",
    "failed": "fill:#fce8e6,stroke:#ea4335,color:#8c1d18",
    "skipped": "fill:#f1f3f4,stroke:#bdc1c6,color:#80868b,stroke-dasharray:4 3",
    "cancelled": "fill:#fef7e0,stroke:#f9ab00,color:#7a4f01",
}


def mermaid(picture: Picture) -> str:
    """The flowchart; a map is drawn as a stack, a run's steps in the colours of their statuses."""
    numbers = {name: f"s{number}" for number, name in enumerate(picture.boxes)}
    lines = ["flowchart TD"]
    lines += [f"    {numbers[box.name]}{_shape(box)}{_class(box)}" for box in picture.boxes.values()]
    lines += [
        f"    {numbers[source]} {_arrow(picture.labels.get((source, target), ''))} {numbers[target]}"
        for source, target in picture.edges
    ]
    used = {box.status for box in picture.boxes.values()}
    lines += [f"    classDef {name} {style}" for name, style in _CLASSES.items() if name in used]
    return "\n".join(lines) + "\n"


def _arrow(label: str) -> str:
    return f'-->|"{marked_up(label)}"|' if label else "-->"


def _shape(box: Box) -> str:
    words = [box.name, *(f"<i>{marked_up(each)}</i>" for each in (box.said, box.remark) if each)]
    words[0] = marked_up(box.name)
    text = "<br/>".join(words)
    if box.is_step:
        return f'[["{text}"]]' if box.kind == "map" else f'["{text}"]'
    return f'(["{text}"])'


def _class(box: Box) -> str:
    return f":::{box.status}" if box.status in _CLASSES else ""
