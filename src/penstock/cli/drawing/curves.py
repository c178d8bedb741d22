"""Draws lines over one axis, in panels one below the other, as SVG: light or dark, without scripts. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from html import escape
from math import floor, log10
from typing import Final, NamedTuple

WIDE: Final = 860.0
LEFT: Final = 62.0
RIGHT: Final = 20.0
TOP: Final = 58.0
PANEL: Final = 150.0
GAP: Final = 44.0
UNDER: Final = 52.0
CHARACTER: Final = 7.2  # pixels, of the font below at 12 px

COLOURS: Final = ("#0969da", "#cf222e", "#1a7f37", "#9a6700", "#8250df", "#bf3989", "#0f8aa0", "#57606a")
LIGHTER: Final = ("#58a6ff", "#ff7b72", "#3fb950", "#d29922", "#bc8cff", "#f778ba", "#39c5cf", "#9198a1")

_STYLE: Final = """
  text { font: 12px ui-monospace, 'SF Mono', Menlo, Consolas, monospace; fill: #1f2328; }
  .back { fill: #ffffff; } .title { font-size: 14px; font-weight: 600; } .head { font-weight: 600; } .tick { fill: #656d76; }
  .low { text-anchor: middle; } .side { text-anchor: end; } path { fill: none; } .grid { stroke: #d8dee4; stroke-width: 1; }
  .line { stroke-width: 2; stroke-linejoin: round; }
"""
_DARK: Final = (
    ".back { fill: #0d1117; } text { fill: #e6edf3; } .tick { fill: #8d96a0; } .grid { stroke: #30363d; }"
)

Point = tuple[float, float]


class Line(NamedTuple):
    """A name, the same in all panels, and points in order of x."""

    name: str
    points: Sequence[Point]


class Panel(NamedTuple):
    """What its heights are, and its lines; `top` is the least that its scale goes up to."""

    title: str
    lines: Sequence[Line]
    top: float = 0.0


def curves(title: str, panels: Sequence[Panel], across: str) -> str:
    """The drawing as one document; `across` says what the axis is."""
    names = list(dict.fromkeys(line.name for panel in panels for line in panel.lines))
    points = [point for panel in panels for line in panel.lines for point in line.points]
    most = max((x for x, _ in points), default=0.0) or 1.0
    high = TOP + len(panels) * (PANEL + GAP) - GAP + UNDER
    size = f'viewBox="0 0 {WIDE:.0f} {high:.0f}" width="{WIDE:.0f}" height="{high:.0f}"'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" aria-label="{escape(title)}">',
        f"<style>{_STYLE}{_colours(COLOURS)}",
        f"  @media (prefers-color-scheme: dark) {{ {_DARK} {_colours(LIGHTER)} }}</style>",
        f'<rect class="back" width="{WIDE:.0f}" height="{high:.0f}"/>',
        f'<text class="title" x="{LEFT:.0f}" y="20">{escape(title)}</text>',
        *_legend(names),
        *(part for number, panel in enumerate(panels) for part in _panel(panel, number, names, most)),
        f'<text class="low" x="{(LEFT + WIDE - RIGHT) / 2:.0f}" y="{high - 10:.0f}">{escape(across)}</text>',
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _colours(colours: Iterable[str]) -> str:
    return " ".join(f".c{number} {{ stroke: {colour}; }}" for number, colour in enumerate(colours))


def _legend(names: Sequence[str]) -> Iterator[str]:
    x = LEFT
    for number, name in enumerate(names):
        yield f'<path class="line c{number % len(COLOURS)}" d="M{x:.1f},36 h18"/>'
        yield f'<text x="{x + 24:.1f}" y="40">{escape(name)}</text>'
        x += 24 + len(name) * CHARACTER + 20


def _panel(panel: Panel, number: int, names: Sequence[str], most: float) -> Iterator[str]:
    above = TOP + number * (PANEL + GAP) + 16
    below = above + PANEL - 16
    top = max([panel.top, *(y for line in panel.lines for _, y in line.points)]) or 1.0
    yield f'<text class="head" x="{LEFT:.0f}" y="{above - 6:.0f}">{escape(panel.title)}</text>'
    for value in ticks(top, 4):
        y = _height(value, top, above, below)
        yield f'<path class="grid" d="M{LEFT:.0f},{y:.1f} H{WIDE - RIGHT:.0f}"/>'
        yield f'<text class="tick side" x="{LEFT - 8:.0f}" y="{y + 4:.1f}">{value:g}</text>'
    for value in ticks(most, 8):
        yield f'<text class="tick low" x="{_place(value, most):.1f}" y="{below + 16:.0f}">{value:g}</text>'
    for line in panel.lines:
        path = " L".join(f"{_place(x, most):.1f},{_height(y, top, above, below):.1f}" for x, y in line.points)
        colour = names.index(line.name) % len(COLOURS)
        yield (
            f'<path class="line c{colour}" d="M{path}"><title>{escape(line.name)}</title></path>'
            if path
            else ""
        )


def _place(x: float, most: float) -> float:
    return LEFT + x / most * (WIDE - LEFT - RIGHT)


def _height(y: float, top: float, above: float, below: float) -> float:
    return below - y / top * (below - above)


def ticks(most: float, number: int) -> list[float]:
    """Round numbers from 0 up to `most`, about so many."""
    rough = most / number
    power = 10.0 ** floor(log10(rough))
    step = next(each * power for each in (1, 2, 5, 10) if each * power >= rough * 0.999)
    return [count * step for count in range(int(most / step * 1.000001) + 1)]
