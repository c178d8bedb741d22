"""Workflows whose steps are under limits that all runs and engines of a simulation share."""

from __future__ import annotations

from functools import partial
from random import Random

from penstock.model.limits import Limit
from penstock.testing.simulation.case import Case, Draw
from penstock.testing.simulation.programs.functions import draw_function
from penstock.testing.simulation.programs.graphs import draw_graph
from penstock.testing.simulation.programs.groups import draw_groups

LIMITS = (
    Limit("one", at_most=1),
    Limit("one", at_most=1, priority=-3),
    Limit("two", at_most=2),
    Limit("two", at_most=2, priority=7),
    Limit("slow", at_most=3, rate="2/s", burst=2),
)
WITHIN = Limit("within", at_most=1)
FAIR = Limit("fair", at_most=2, fair_by="name")

_GROUPS: Draw = partial(draw_groups, limits=(*LIMITS, FAIR))
_FUNCTION: Draw = partial(draw_function, limits=LIMITS)
_GRAPH: Draw = partial(draw_graph, inner=(_GROUPS, _FUNCTION), limits=LIMITS)
_DRAWS = (_GROUPS, _GROUPS, _FUNCTION, _GRAPH)


def draw_limited(chance: Random) -> Case:
    """Groups, a function, or a graph with both in it. Most steps, and what is in some graphs, are under limits."""
    case = _DRAWS[int(chance.random() * len(_DRAWS))](chance)
    case.style = "limited"  # type: ignore[misc]
    nodes = getattr(case.program, "nodes", {})
    inside = [node.program for node in nodes.values() if node.program is not None]
    for program in (
        inside if len(nodes) % 2 == 0 else ()
    ):  # in others more of it stands in line for other limits
        program.under = WITHIN
    return case
