"""Charts as SVG: bars over time, steps of a level over time, a curve with its band. Pure; a page's own colours."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from html import escape
from math import ceil, floor, log10
from typing import Final, NamedTuple

WIDE: Final = 900.0
LEFT: Final = 150.0
RIGHT: Final = 20.0
ROW: Final = 18.0
TOP: Final = 10.0
AXIS: Final = 30.0
LETTERS: Final = 21
"""So many letters of a name fit beside a row."""


class Bar(NamedTuple):
    """From `begins` to `ends` in seconds, drawn as `kind` (done, failed, waiting); `said` is told when it is pointed at."""

    begins: float
    ends: float
    kind: str
    said: str


class Row(NamedTuple):
    """A name and its bars."""

    name: str
    bars: Sequence[Bar]


Point = tuple[float, float]


class Curve(NamedTuple):
    """Points by x; `low` and `high` are the edges of a band around them."""

    points: Sequence[Point]
    low: Sequence[float]
    high: Sequence[float]


def bars(rows: Sequence[Row], seconds: float, label: str) -> str:
    """Rows of bars over time."""
    high = TOP + ROW * len(rows)
    x = _scale(0.0, seconds)
    parts = []
    for number, row in enumerate(rows):
        y = TOP + ROW * number
        name = row.name if len(row.name) <= LETTERS else row.name[: LETTERS - 1] + "…"
        parts.append(f'<text class="name" x="{LEFT - 8:.0f}" y="{y + 13:.0f}">{escape(name)}</text>')
        parts.extend(_bar(bar, x, y) for bar in row.bars)
    return _chart(label, high, [*_grid(seconds, high, x), *parts])


def _bar(bar: Bar, x: Callable[[float], float], y: float) -> str:
    wide = max(1.0, x(bar.ends) - x(bar.begins))
    place = f'x="{x(bar.begins):.1f}" y="{y + 3:.0f}" width="{wide:.1f}" height="{ROW - 5:.0f}"'
    rect = f'<rect class="{bar.kind}" {place} rx="2"/>'
    return f"<g><title>{escape(bar.said)}</title>{rect}</g>"


def level(points: Sequence[Point], seconds: float, most: float, label: str, kind: str) -> str:
    """A level over time, as a filled staircase; `most` is a line that it may reach."""
    high = TOP + 120.0
    top = max(most, *(value for _, value in points), 1.0)
    x, y = _scale(0.0, seconds), _heights(top, high)
    path = f"M{x(0):.1f},{high:.1f}"
    before = high
    for at, value in points:
        path += f" L{x(at):.1f},{before:.1f} L{x(at):.1f},{y(value):.1f}"
        before = y(value)
    path += f" L{x(seconds):.1f},{before:.1f} L{x(seconds):.1f},{high:.1f} Z"
    bound = f'<path class="bound" d="M{LEFT},{y(most):.1f} H{WIDE - RIGHT}"/>' if most else ""
    scale = _levels(top, y)
    return _chart(
        label, high, [*_grid(seconds, high, x), *scale, f'<path class="{kind}" d="{path}"/>', bound]
    )


def curve(found: Curve, label: str, unit: str) -> str:
    """A curve with its band."""
    high = TOP + 220.0
    xs = [each for each, _ in found.points]
    top = max(found.high) or 1.0
    x, y = _scale(min(0.0, *xs), max(xs)), _heights(top, high)
    middle = " L".join(f"{x(at):.1f},{y(value):.1f}" for at, value in found.points)
    edge = [(at, value) for at, value in zip(xs, found.high, strict=True)]
    edge += reversed([(at, value) for at, value in zip(xs, found.low, strict=True)])
    area = " L".join(f"{x(at):.1f},{y(value):.1f}" for at, value in edge)
    dots = [
        f'<g><title>{at:g} {escape(unit)}: {value:g} s</title><circle class="dot" cx="{x(at):.1f}" cy="{y(value):.1f}" r="4"/>'
        f'<text class="tick" x="{x(at):.1f}" y="{high + 16:.0f}">{at:g}</text></g>'
        for at, value in found.points
    ]
    lines = [f'<path class="band" d="M{area} Z"/>', f'<path class="line" d="M{middle}"/>']
    return _chart(label, high, [*_levels(top, y, "s"), *lines, *dots])


def thinned(points: Iterable[Point], seconds: float, most: int = 400) -> list[Point]:
    """At most so many points of a staircase: of each stretch of time the highest level."""
    found: dict[int, Point] = {}
    width = seconds / most if seconds else 1.0
    for at, value in points:
        place = int(at / width)
        known = found.get(place)
        if known is None or value > known[1]:
            found[place] = (at if known is None else known[0], value)
    return list(found.values())


def _chart(label: str, high: float, parts: Iterable[str]) -> str:
    whole = high + AXIS
    size = f'viewBox="0 0 {WIDE:.0f} {whole:.0f}"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" aria-label="{escape(label)}">'
    return "\n".join([head, *(part for part in parts if part), "</svg>"])


def _scale(low: float, high: float) -> Callable[[float], float]:
    span = (high - low) or 1.0
    return lambda value: LEFT + (value - low) / span * (WIDE - LEFT - RIGHT)


def _heights(top: float, high: float) -> Callable[[float], float]:
    return lambda value: high - value / top * (high - TOP)


def _grid(seconds: float, high: float, x: Callable[[float], float]) -> Iterator[str]:
    for at in _ticks(seconds):
        yield f'<path class="grid" d="M{x(at):.1f},{TOP:.0f} V{high:.0f}"/>'
        yield f'<text class="tick" x="{x(at):.1f}" y="{high + 16:.0f}">{at:g} s</text>'


def _levels(top: float, y: Callable[[float], float], unit: str = "") -> Iterator[str]:
    for value in _ticks(top, 4):
        yield f'<path class="grid" d="M{LEFT:.0f},{y(value):.1f} H{WIDE - RIGHT:.0f}"/>'
        yield f'<text class="name" x="{LEFT - 8:.0f}" y="{y(value) + 4:.1f}">{value:g} {unit}</text>'


def _ticks(most: float, number: int = 8) -> list[float]:
    """Round numbers from 0 up to `most`, about so many."""
    if most <= 0:
        return [0.0]
    rough = most / number
    power = 10.0 ** floor(log10(rough))
    step = next(each * power for each in (1, 2, 5, 10) if each * power >= rough * 0.999)
    return [round(step * place, 9) for place in range(ceil(most / step) + 1) if step * place <= most * 1.001]
