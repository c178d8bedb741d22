"""Places a graph's boxes for drawing: layers from top to bottom, few crossings, edges that pass between boxes.

The known way in four steps: layers by the longest way from a root; places held in every layer that an edge passes; an order in
each layer by the mean place of the neighbours, swept down and up; then x so that a box stands as near its neighbours as the
order and the boxes' widths allow. Pure, and the same for the same graph.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from penstock.model.graph import layers

SWEEPS = 8


class Placed(NamedTuple):
    """Where the boxes are (centre x by name, layer by name), and for each edge the x at each layer it passes."""

    x: dict[str, float]
    layer: dict[str, int]
    edges: dict[tuple[str, str], list[float]]
    width: float


Place = tuple[str, ...]
"""A box (its name), or where an edge passes a layer (from, to, layer)."""


def place(depends_on: Mapping[str, Sequence[str]], widths: Mapping[str, float], gap: float) -> Placed:
    """Where everything goes; `widths` of the boxes, `gap` between them."""
    layer = {name: depth for depth, names in enumerate(layers(depends_on)) for name in names}
    ways = {(need, name): _way(need, name, layer) for name, needs in depends_on.items() for need in needs}
    rows, above = _rows(layer, ways)
    below = _turned(above)
    for sweep in range(SWEEPS):
        _sort(rows if sweep % 2 == 0 else rows[::-1], above if sweep % 2 == 0 else below)
    wide = {each: widths[each[0]] if len(each) == 1 else 0.0 for row in rows for each in row}
    x = _spread(rows, above, below, wide, gap)
    return Placed(
        {name: x[name,] for name in layer},
        layer,
        {edge: [x[each] for each in way] for edge, way in ways.items()},
        max(x[each] + wide[each] / 2 for each in x),
    )


def _way(need: str, name: str, layer: Mapping[str, int]) -> list[Place]:
    passed = [(need, name, str(depth)) for depth in range(layer[need] + 1, layer[name])]
    return [(need,), *passed, (name,)]


def _rows(
    layer: Mapping[str, int], ways: Mapping[tuple[str, str], list[Place]]
) -> tuple[list[list[Place]], dict[Place, list[Place]]]:
    rows: list[list[Place]] = [[] for _ in range(max(layer.values(), default=-1) + 1)]
    above: dict[Place, list[Place]] = {}
    for name, depth in layer.items():
        rows[depth].append((name,))
        above[name,] = []
    for (need, _), way in ways.items():
        for step, (upper, lower) in enumerate(itertools.pairwise(way), 1):
            if lower not in above:
                rows[layer[need] + step].append(lower)
            above.setdefault(lower, []).append(upper)
    return rows, above


def _turned(above: Mapping[Place, list[Place]]) -> dict[Place, list[Place]]:
    below: dict[Place, list[Place]] = {each: [] for each in above}
    for lower, uppers in above.items():
        for upper in uppers:
            below[upper].append(lower)
    return below


def _sort(rows: Sequence[list[Place]], towards: Mapping[Place, list[Place]]) -> None:
    """Order each row by where its neighbours in the row before stand."""
    for before, row in itertools.pairwise(rows):
        at = {each: number for number, each in enumerate(before)}
        now = {each: number for number, each in enumerate(row)}
        row.sort(key=lambda each: (_mean([at[n] for n in towards[each] if n in at], now[each]), now[each]))


def _mean(numbers: Sequence[float], otherwise: float) -> float:
    return sum(numbers) / len(numbers) if numbers else otherwise


def _spread(
    rows: Sequence[list[Place]],
    above: Mapping[Place, list[Place]],
    below: Mapping[Place, list[Place]],
    wide: Mapping[Place, float],
    gap: float,
) -> dict[Place, float]:
    """Every place's x: each is drawn towards the middle of its neighbours, again and again, in its row's order."""
    x: dict[Place, float] = {}
    for row in rows:
        _put(row, dict.fromkeys(row, 0.0), wide, gap, x)
    for sweep in range(SWEEPS):
        towards = above if sweep % 2 == 0 else below
        for row in rows if sweep % 2 == 0 else rows[::-1]:
            _put(row, {each: _mean([x[n] for n in towards[each]], x[each]) for each in row}, wide, gap, x)
    left = min((x[each] - wide[each] / 2 for each in x), default=0.0)
    return {each: at - left for each, at in x.items()}


def _put(
    row: Sequence[Place],
    wish: Mapping[Place, float],
    wide: Mapping[Place, float],
    gap: float,
    x: dict[Place, float],
) -> None:
    """Give a row its x: as wished, without overlaps, the whole moved so that the wishes are missed as little as can be."""
    at: list[float] = []
    for number, each in enumerate(row):
        least = at[-1] + (wide[row[number - 1]] + wide[each]) / 2 + gap if at else wish[each]
        at.append(max(wish[each], least))
    shift = _mean([wish[each] - put for each, put in zip(row, at, strict=True)], 0.0)
    for each, put in zip(row, at, strict=True):
        x[each] = put + shift
