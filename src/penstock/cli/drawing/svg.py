"""Draws a picture as SVG: a page's own colours, light or dark, and no script. Pure."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Final

from penstock.cli.drawing.layout import Placed, place
from penstock.cli.drawing.picture import Box, Picture
from penstock.model.texts import marked_up

CHARACTER: Final = 7.4  # pixels, of the font below at 13 px
HEIGHT: Final = 34.0
PADDING: Final = 16.0
GAP: Final = 26.0
DROP: Final = 46.0
MARGIN: Final = 16.0
LANE: Final = 14.0

_STYLE: Final = """
  text { font: 13px ui-monospace, 'SF Mono', Menlo, Consolas, monospace; fill: #1f2328; text-anchor: middle; }
  .said { font-size: 11px; fill: #656d76; }
  rect { fill: #f6f8fa; stroke: #d0d7de; }
  path { fill: none; stroke: #afb8c1; stroke-width: 1.5; }
  .tip { fill: #afb8c1; }
  .back { stroke-dasharray: 5 3; }
  .completed rect, .reused rect { fill: #e9f7ee; stroke: #4ac26b; }
  .running rect { fill: #e7f3ff; stroke: #54aeff; }
  .failed rect { fill: #ffefed; stroke: #ff8182; }
  .cancelled rect { fill: #fff8e5; stroke: #d4a72c; }
  .skipped rect { stroke-dasharray: 4 3; }
  .skipped text, .waiting text { fill: #8c959f; }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3; } .said { fill: #8d96a0; } rect { fill: #161b22; stroke: #3d444d; } path { stroke: #656c76; }
    .tip { fill: #656c76; } .completed rect, .reused rect { fill: #12261e; stroke: #2ea043; }
    .running rect { fill: #121d2f; stroke: #388bfd; } .failed rect { fill: #25171c; stroke: #f85149; }
    .cancelled rect { fill: #272115; stroke: #bb8009; } .skipped text, .waiting text { fill: #6e7681; }
  }
"""


def svg(picture: Picture) -> str:
    """The drawing as one document."""
    placed = place(picture.depends_on, {box.name: _width(box) for box in picture.boxes.values()}, GAP)
    back = [(box, target) for box in picture.boxes.values() for target in box.back]
    wide = placed.width + 2 * MARGIN + len(back) * LANE
    high = (max(placed.layer.values(), default=0) + 1) * (HEIGHT + DROP) - DROP + 2 * MARGIN
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {wide:.0f} {high:.0f}" width="{wide:.0f}" height="{high:.0f}" '
        f'role="img" aria-label="{marked_up(picture.name)}">',
        f"<style>{_STYLE}</style>",
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
        '<path class="tip" style="stroke:none" d="M0,0.5 L8,4 L0,7.5 z"/></marker></defs>',
        *_edges(placed, picture.labels),
        *(_back(picture, placed, box, target, lane) for lane, (box, target) in enumerate(back, 1)),
        *(_box(box, placed) for box in picture.boxes.values()),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _edges(placed: Placed, labels: Mapping[tuple[str, str], str]) -> list[str]:
    return [_edge(xs, placed.layer[edge[0]], labels.get(edge, "")) for edge, xs in placed.edges.items()]


def _edge(xs: list[float], first: int, label: str) -> str:
    """A line that leaves a box downwards, bends between layers, passes them straight, and arrives from above."""
    d = f"M{xs[0] + MARGIN:.1f},{_top(first) + HEIGHT:.1f}"
    for number, (x, following) in enumerate(itertools.pairwise(xs)):
        start, end = _top(first + number) + HEIGHT, _top(first + number + 1)
        middle = (start + end) / 2
        d += f" C{x + MARGIN:.1f},{middle:.1f} {following + MARGIN:.1f},{middle:.1f} {following + MARGIN:.1f},{end:.1f}"
        if number < len(xs) - 2:
            d += f" V{end + HEIGHT:.1f}"
    return _line(d, label)


def _back(picture: Picture, placed: Placed, box: Box, target: str, lane: int) -> str:
    """A line that leaves a box downwards, goes up beside the drawing in a lane of its own, and arrives from above.

    Across it goes between the layers, so that it passes no box.
    """
    side = placed.width + MARGIN + lane * LANE
    (begin, low), (end, high) = (_quarter(each, placed) for each in (box, picture.boxes[target]))
    low += HEIGHT
    under, above = low + 11, high - 11
    d = f"M{begin:.1f},{low:.1f} V{under - 5:.1f} Q{begin:.1f},{under:.1f} {begin + 5:.1f},{under:.1f}"
    d += f" H{side - 5:.1f} Q{side:.1f},{under:.1f} {side:.1f},{under - 5:.1f} V{above + 5:.1f}"
    d += f" Q{side:.1f},{above:.1f} {side - 5:.1f},{above:.1f} H{end + 5:.1f}"
    d += f" Q{end:.1f},{above:.1f} {end:.1f},{above + 5:.1f} V{high:.1f}"
    return _line(d, picture.labels.get((box.name, target), ""), "back")


def _quarter(box: Box, placed: Placed) -> tuple[float, float]:
    """A place on the upper side of a box, to the right of where edges that lead on arrive."""
    return placed.x[box.name] + _width(box) / 4 + MARGIN, _top(placed.layer[box.name])


def _line(d: str, label: str, kind: str = "on") -> str:
    if label:
        return f'<path class="{kind}" d="{d}" marker-end="url(#tip)"><title>{marked_up(label)}</title></path>'
    return f'<path class="{kind}" d="{d}" marker-end="url(#tip)"/>'


def _box(box: Box, placed: Placed) -> str:
    wide = _width(box)
    x, y = placed.x[box.name] - wide / 2 + MARGIN, _top(placed.layer[box.name])
    rect = (
        f'<rect x="{{}}" y="{{}}" width="{wide:.1f}" height="{HEIGHT:.0f}" rx="{6 if box.is_step else 17}"/>'
    )
    stack = rect.format(f"{x + 4:.1f}", f"{y + 4:.1f}") if box.kind == "map" else ""
    said = _said(box)
    middle = x + wide / 2
    name = f'<text x="{middle:.1f}" y="{y + (15 if said else 21.5):.1f}">{marked_up(box.name)}</text>'
    under = f'<text class="said" x="{middle:.1f}" y="{y + 28:.1f}">{marked_up(said)}</text>' if said else ""
    body = f"{stack}{rect.format(f'{x:.1f}', f'{y:.1f}')}{name}{under}"
    return f'<g class="{box.status or "plain"}"><title>{marked_up(_title(box))}</title>{body}</g>'


def _said(box: Box) -> str:
    return ", ".join(each for each in (box.said or ("map" if box.kind == "map" else ""), box.remark) if each)


def _title(box: Box) -> str:
    return ": ".join(each for each in (box.name, box.status) if each)


def _width(box: Box) -> float:
    return max(len(box.name) * CHARACTER, len(_said(box)) * CHARACTER * 0.85) + 2 * PADDING


def _top(layer: int) -> float:
    return MARGIN + layer * (HEIGHT + DROP)
