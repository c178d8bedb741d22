"""The programs under simulation: the real task graph, and one small program of every other style, each with its reference."""

from __future__ import annotations

from functools import partial

from penstock.testing.simulation.case import Draw
from penstock.testing.simulation.programs.bodies import draw_body
from penstock.testing.simulation.programs.functions import draw_function
from penstock.testing.simulation.programs.graphs import draw_graph
from penstock.testing.simulation.programs.groups import draw_groups
from penstock.testing.simulation.programs.limited import draw_limited
from penstock.testing.simulation.programs.messages import draw_messages

_SMALL: tuple[Draw, ...] = (draw_groups, draw_messages, draw_function, draw_body)
_INNER: Draw = partial(draw_graph, inner=_SMALL, name="inner")

STYLES: dict[str, Draw] = {
    "graph": partial(draw_graph, inner=(_INNER, *_SMALL)),
    "groups": draw_groups,
    "messages": draw_messages,
    "function": draw_function,
    "body": draw_body,
    "limited": draw_limited,
}
"""Style -> a case of it, by chance. Graphs hold workflows of every style."""
