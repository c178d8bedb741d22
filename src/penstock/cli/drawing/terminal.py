"""Draws a graph with lanes, a step a line, top to bottom: narrow however wide the graph is.

●    extract
├─╮
● │  clean       A lane is a step still to come: what leads to it flows into its lane. Where a step is drawn, its lanes
│ ●  enrich      have met; where several steps follow it, its lane splits. Lines across pass behind lanes they do not touch.
├─╯
●    report
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from penstock.cli.drawing.picture import Box, Picture
from penstock.model.graph import layers, successors

Lanes = list[str | None]
"""Which step each column leads to; None where there is no lane."""

Sign = Callable[[Box], str]
Label = Callable[[Box], str]


class Strokes(NamedTuple):
    """The characters to draw with."""

    down: str = "│"
    across: str = "─"
    split_first: str = "├"
    split: str = "┬"
    split_last: str = "╮"
    join: str = "┴"
    join_last: str = "╯"
    meet: str = "┤"
    cross: str = "┼"
    split_left: str = "╭"


PLAIN = Strokes("|", "-", "+", "+", "+", "+", "+", "+", "+", "+")
ROUND = Strokes()


def draw(picture: Picture, sign: Sign, label: Label, strokes: Strokes = ROUND) -> list[str]:
    """The lines of a drawing; `sign` is one character a step, `label` what stands beside it."""
    return _Drawing(picture, sign, label, strokes).lines()


class _Drawing:
    """Goes through the steps from top to bottom, keeping the lanes."""

    def __init__(self, picture: Picture, sign: Sign, label: Label, strokes: Strokes) -> None:
        self._boxes = picture.boxes
        self._after = successors(picture.depends_on)
        self._missing = {name: len(needs) for name, needs in picture.depends_on.items()}
        self._depth = {
            name: depth for depth, layer in enumerate(layers(picture.depends_on)) for name in layer
        }
        self._sign = sign
        self._label = label
        self._strokes = strokes
        self._lanes: Lanes = []
        self._rows: list[tuple[str, str]] = []

    def lines(self) -> list[str]:
        """Every line, labels aligned."""
        waiting = [name for name, missing in self._missing.items() if not missing]
        while waiting:
            name = min(waiting, key=lambda each: (self._depth[each], self._column(each)))
            waiting.remove(name)
            waiting += self._step(name)
        wide = max((len(row) for row, name in self._rows if name), default=0)
        return [self._line(row, name, wide) for row, name in self._rows]

    def _line(self, row: str, name: str, wide: int) -> str:
        if not name:
            return row.rstrip()
        box = self._boxes[name]
        return f"{row.replace('@', self._sign(box))}{' ' * (wide - len(row))}  {self._label(box)}".rstrip()

    def _column(self, name: str) -> int:
        return self._lanes.index(name) if name in self._lanes else len(self._lanes)

    def _step(self, name: str) -> list[str]:
        """Draw one step; the steps that may be drawn now."""
        self._meet(name)
        column = self._lanes.index(name) if name in self._lanes else self._begin()
        self._lanes[column] = name
        self._rows.append((self._row({column: "@"}), name))
        self._lanes[column] = None
        self._part(column, self._after[name])
        return [later for later in self._after[name] if self._counts_down(later)]

    def _counts_down(self, name: str) -> bool:
        self._missing[name] -= 1
        return not self._missing[name]

    def _begin(self) -> int:
        """A column for a step that nothing leads to; never right below a step that it does not follow."""
        column = self._free()
        if self._rows and self._rows[-1][0][2 * column : 2 * column + 1] == "@":
            self._rows.append((self._row({}), ""))
        return column

    def _free(self) -> int:
        if None not in self._lanes:
            self._lanes.append(None)
        return self._lanes.index(None)

    def _meet(self, name: str) -> None:
        """All lanes that lead to a step become its leftmost one."""
        mine = [column for column, lane in enumerate(self._lanes) if lane == name]
        if len(mine) > 1:
            marks = dict.fromkeys(mine[1:-1], self._strokes.join)
            marks |= {mine[0]: self._strokes.split_first, mine[-1]: self._strokes.join_last}
            self._rows.append((self._row(marks, (mine[0], mine[-1])), ""))
            for column in mine[1:]:
                self._lanes[column] = None
            self._trim()

    def _part(self, column: int, following: list[str]) -> None:
        """A step's lane goes on to the first step that follows; to others it splits, into their lanes where they have some."""
        if not following:
            self._trim()
            return
        first = next((each for each in following if each not in self._lanes), following[0])
        self._lanes[column] = first
        marks: dict[int, str] = {}
        for later in following:
            if later != first:
                known = later in self._lanes
                at = self._lanes.index(later) if known else self._free()
                self._lanes[at] = later
                marks[at] = "known" if known else "new"
        if marks:
            self._rows.append((self._split(column, marks), ""))

    def _split(self, column: int, marks: dict[int, str]) -> str:
        ends = (min(column, *marks), max(column, *marks))
        drawn = {at: self._corner(at, kind, ends) for at, kind in marks.items()}
        drawn[column] = self._corner(column, "known", ends)
        return self._row(drawn, ends)

    def _corner(self, at: int, kind: str, ends: tuple[int, int]) -> str:
        s = self._strokes
        if kind == "known":
            return s.split_first if at == ends[0] else s.meet if at == ends[1] else s.cross
        if at == ends[0]:
            return s.split_left
        return s.split_last if at == ends[1] else s.split

    def _row(self, marks: dict[int, str], ends: tuple[int, int] | None = None) -> str:
        """A line of lanes; between `ends` a line goes across, behind the lanes it does not touch."""
        s = self._strokes
        drawn = []
        for column, lane in enumerate(self._lanes):
            inside = ends is not None and ends[0] <= column < ends[1]
            mark = marks.get(column) or (s.down if lane is not None else s.across if inside else " ")
            drawn.append(mark + (s.across if inside else " "))
        return "".join(drawn).rstrip()

    def _trim(self) -> None:
        while self._lanes and self._lanes[-1] is None:
            self._lanes.pop()
