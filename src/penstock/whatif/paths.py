"""Which chain of steps a run's time depends on, over the simulated runs that are kept in detail. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from penstock.model import events as e
from penstock.model.outline import Graph, depends_on, flat, split
from penstock.model.profile import Needs, profile_of
from penstock.model.trail import trail
from penstock.whatif.engine import Rows
from penstock.whatif.simulation import Played

GraphOf = Callable[[Any], "Graph | None"]
"""The outline of the workflow for what a run was given; None if it decides its steps as it runs."""


class Critical(NamedTuple):
    """A step that was on the critical path in such a `share` of runs, and kept it so many `seconds` then, on average."""

    step: str
    share: float
    seconds: float


class Paths(NamedTuple):
    """`steps` by how often they were critical, the most often first; `usual` is the path that most runs had."""

    steps: list[Critical]
    usual: list[str]
    runs: int


def paths_of(played: Iterable[Played], graph: GraphOf) -> Paths:
    """The critical paths of all runs that are kept in detail."""
    known: dict[str, Needs | None] = {}
    times: Counter[str] = Counter()
    seconds: Counter[str] = Counter()
    paths: Counter[tuple[str, ...]] = Counter()
    for each in played:
        for log in each.logs.values():
            if log and type(log[-1][2]) in e.FINAL:
                profile = profile_of(log, _needs(log, graph, known))
                path = profile.critical or []
                active = {step.step: step.active for step in profile.steps}
                paths[tuple(path)] += 1
                for step in path:
                    times[step] += 1
                    seconds[step] += active[step]  # type: ignore[assignment]
    number = sum(paths.values())
    steps = [Critical(step, times[step] / number, seconds[step] / times[step]) for step in times]
    steps.sort(key=lambda each: (-each.share, -each.seconds, each.step))
    usual = min(paths, key=lambda path: (-paths[path], path)) if paths else ()
    return Paths(steps, list(usual), number)


def _needs(log: Rows, graph: GraphOf, known: dict[str, Needs | None]) -> Needs:
    first = log[0][2]
    assert isinstance(first, e.RunStarted)
    given = repr(first.input)[:1000]
    if given not in known:
        outline = graph(first.input)
        known[given] = None if outline is None else needs_in(outline)
    return known[given] or needs_in(trail(first.workflow, [event for _, _, event in log]))


def needs_in(graph: Graph) -> Mapping[str, Sequence[str]]:
    """Step -> the steps it follows, of steps at every depth."""
    graph = flat(graph)
    return depends_on(graph, split(graph)[0])
