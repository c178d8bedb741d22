"""Simulated graphs beside a scheduler that knows nothing of the engine: the same ends, to the microsecond."""

from __future__ import annotations

from heapq import heappop, heappush
from random import Random

import pytest

from penstock import Workflow
from penstock.whatif.arrivals import arrivals_of
from penstock.whatif.capacity import Capacity
from penstock.whatif.simulation import Setting, Simulation
from penstock.whatif.sources import Model, Said

Needs = dict[str, list[str]]


def nothing() -> None: ...


def graph(chance: Random) -> tuple[Needs, dict[str, float]]:
    """A graph in which later steps depend on earlier ones; no two steps take the same time."""
    names = [f"s{number}" for number in range(chance.randint(1, 25))]
    needs = {
        name: chance.sample(names[:place], chance.randint(0, min(3, place)))
        for place, name in enumerate(names)
    }
    return needs, {name: chance.uniform(0.1, 9.0) for name in names}


def scheduled(needs: Needs, seconds: dict[str, float], places: int, runs: int) -> list[float]:
    """When each of so many runs ends that begin together: who became ready first goes first."""
    missing = {(run, name): len(needs[name]) for run in range(runs) for name in needs}
    ready = [step for step, number in missing.items() if not number]
    left = dict.fromkeys(range(runs), len(needs))
    under_way: list[tuple[float, int, tuple[int, str]]] = []
    ends = [0.0] * runs
    now, count = 0.0, 0
    while ready or under_way:
        while ready and len(under_way) < places:
            step = ready.pop(0)
            count += 1
            heappush(under_way, (now + seconds[step[1]], count, step))
        now, _, (run, done) = heappop(under_way)
        for name, upstream in needs.items():
            if done in upstream:
                missing[run, name] -= 1
                if not missing[run, name]:
                    ready.append((run, name))
        left[run] -= 1
        if not left[run]:
            ends[run] = now
    return ends


@pytest.mark.parametrize("seed", range(60))
def test_a_graph_ends_when_the_reference_says(seed: int) -> None:
    chance = Random(seed)
    needs, seconds = graph(chance)
    places, runs = chance.randint(1, 5), chance.randint(1, 4)
    flow = Workflow("graph")
    for name, upstream in needs.items():
        flow.add_task(nothing, name=name, depends_on=upstream)
    model = Model(said={name: Said(each) for name, each in seconds.items()})
    setting = Setting(flow.as_program(), lambda number, chance: {}, model)
    played = Simulation(setting, Capacity(places), seed).run(arrivals_of(runs, seed))
    ends = [run.ended for run in played.runs]
    assert ends == pytest.approx(scheduled(needs, seconds, places, runs), abs=1e-5)
    busy = played.meters["workers"].busy_seconds
    assert busy == pytest.approx(runs * sum(seconds.values()), abs=1e-4)
