"""The questions that can be asked: what if there were so many workers, so many runs, such a queue; and was it right before?"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import Any, Final, NamedTuple

from penstock.app import Engine
from penstock.errors import SettingsError
from penstock.model.outline import Graph, graph_of
from penstock.model.wording import shown
from penstock.whatif.arrivals import Arrival, Arrivals, arrivals_of, check_arrivals
from penstock.whatif.asking import Asked, Durations, What, asked_of
from penstock.whatif.bottleneck import Bottleneck, Probe
from penstock.whatif.capacity import Capacity, check_capacity
from penstock.whatif.findings import Prices
from penstock.whatif.keys import Limits, bounds_said
from penstock.whatif.paths import paths_of
from penstock.whatif.queued import allowed
from penstock.whatif.report import Report, report_of
from penstock.whatif.scheduled import Scheduled, coming_from
from penstock.whatif.simulation import Played, Simulation

MOST_SEEDS, LEAST_SEEDS = 20, 3
PLAYED: Final = 60_000
"""So many attempts are played in all, where nobody says how many seeds: fewer seeds of what is large."""
MOST_PROBED: Final = 10
PROBED: Final = 20_000
"""So many seeds are played again for each bound that could be raised, and about so many attempts."""
FIRST_LOGS, MORE_LOGS = 40, 5
"""So many runs of the first seed, and of each other one, are looked at in detail."""


class Question(NamedTuple):
    """What is asked; see `simulate`."""

    what: What
    inputs: Any = None
    runs: int = 1
    arrivals: Arrivals | Scheduled | str | None = None
    slots: int | None = None
    threads: int = 8
    limit: int | None = None
    concurrency: int | None = None
    rate: str | None = None
    limits: Limits | None = None
    seeds: Iterable[int] | None = None
    durations: Durations = "learned"
    really: Iterable[str] = ()
    prices: Prices | Mapping[str, float] | None = None
    queue: str | None = None
    default_seconds: float = 1.0
    until: float | None = None
    store: str | Engine | None = None
    trained_on: Iterable[str] | None = None
    bottleneck: bool = True

    def reports(self, workers: Sequence[int | None]) -> list[Report]:
        """The reports for these numbers of workers; what is learned is learned once."""
        bounds = bounds_said(self.limits or {})
        asked = asked_of(
            self.what,
            inputs=self.inputs,
            durations=self.durations,
            really=self.really,
            store=self.store,
            trained_on=self.trained_on,
            default_seconds=self.default_seconds,
            until=self.until,
        )
        asked, when = _arrivals(asked, self.runs if self.arrivals is None else self.arrivals)
        concurrency, rate = allowed(
            asked.engine, self.queue, self.arrivals, concurrency=self.concurrency, rate=self.rate
        )
        capacity = Capacity(None, self.slots, self.threads, self.limit, concurrency, rate, bounds)
        prices = with_prices(self.prices) if isinstance(self.prices, Mapping) else self.prices
        how: dict[str, Any] = {"prices": prices, "bottleneck": self.bottleneck}
        return [answer(asked, when, capacity._replace(workers=each), self.seeds, **how) for each in workers]


def simulate(  # noqa: PLR0913 - one keyword a part of the question
    what: What,
    *,
    inputs: Any = None,
    runs: int = 1,
    arrivals: Arrivals | Scheduled | str | None = None,
    workers: int | None = 4,
    slots: int | None = None,
    threads: int = 8,
    limit: int | None = None,
    concurrency: int | None = None,
    rate: str | None = None,
    limits: Limits | None = None,
    seeds: Iterable[int] | None = None,
    durations: Durations = "learned",
    really: Iterable[str] = (),
    prices: Prices | Mapping[str, float] | None = None,
    queue: str | None = None,
    default_seconds: float = 1.0,
    until: float | None = None,
    store: str | Engine | None = None,
    trained_on: Iterable[str] | None = None,
    bottleneck: bool = True,
) -> Report:
    """Play a workflow in virtual time, once for each seed, and report on it.

    `what` is a workflow of any style, or a run: the same again. `inputs` are given to every run; left out, each is given what a
    past run was given. `runs` begin at once; `arrivals` says otherwise: `Poisson(...)`, moments in seconds (`Arrival(...)` with
    inputs and a priority), "trace", as past runs came, or `Scheduled(name, seconds)`, as that schedule will make them.

    `workers` is how many steps go on at once; None: plain steps one by one, as `run()` has it. With `slots` they are worker
    processes, each of which drives so many runs and has `threads` places for steps. `limit` is how many steps of one run, and
    `concurrency` how many runs of the queue go on at once; `rate` is how often a run of the queue begins, "10/s"; left out, as
    the store says of `queue`. `limits` says of keys how many steps go on under them, or how often one starts, `{"api": 5,
    "mail": "10/s"}`; else what the store and the code say.

    `durations` says how long steps take and how they end; what it does not say is drawn from the past runs in `store`, or from
    those named in `trained_on`. Steps of which nothing is known take `default_seconds` and are named in the report. The steps
    named in `really` run their own code, while their time is simulated. It ends when all runs have, or after `until` seconds.
    `seeds` are twenty, fewer of a large simulation, unless they are named.
    """
    return Question(
        what, inputs=inputs, runs=runs, arrivals=arrivals, slots=slots, threads=threads, limit=limit,
        concurrency=concurrency, rate=rate, limits=limits, seeds=seeds, durations=durations, really=really, prices=prices,
        queue=queue, default_seconds=default_seconds, until=until, store=store, trained_on=trained_on,
        bottleneck=bottleneck,
    ).reports([workers])[0]  # fmt: skip


def sweep(what: What, *, workers: Sequence[int], **question: Any) -> list[Report]:
    """The same question, as `simulate` takes it, for each of these numbers of workers; what is learned is learned once."""
    if not workers:
        raise SettingsError("workers=[] must name the numbers of workers to compare, such as [10, 25, 50]")
    return Question(what, **question).reports(workers)


def answer(
    asked: Asked,
    when: Arrivals,
    capacity: Capacity,
    seeds: Iterable[int] | None = None,
    *,
    prices: Prices | None = None,
    bottleneck: bool = True,
) -> Report:
    """Play it for each seed and report."""
    check_capacity(capacity)
    capacity = capacity._replace(limits={**asked.limits, **capacity.limits})
    check_arrivals(when)
    numbers = range(MOST_SEEDS) if seeds is None else list(seeds)
    if not numbers:
        raise SettingsError("seeds=[] must hold at least one number")
    played = [_play(asked, when, capacity, numbers[0], first=True)]
    enough, probed = seeds_for(played[0].attempts.total())
    if seeds is None:
        numbers = numbers[:enough]
    played += [_play(asked, when, capacity, seed) for seed in numbers[1:]]
    found = _bottleneck(asked, when, capacity, played[:probed]) if bottleneck else None
    return report_of(
        asked.setting.program.name,
        capacity,
        played,
        paths=paths_of(played, partial(_outline, asked.definition)),
        bottleneck=found,
        known=asked.known(name for each in played for name in each.unanswered),
        prices=prices,
    )


def seeds_for(attempts: int) -> tuple[int, int]:
    """How many seeds are played of a simulation of so many attempts, and how many of them for each bound that is raised."""
    size = max(1, attempts)
    enough = max(LEAST_SEEDS, min(MOST_SEEDS, PLAYED // size))
    return enough, max(1, min(MOST_PROBED, PROBED // size))


def _play(asked: Asked, when: Arrivals, capacity: Capacity, seed: int, *, first: bool = False) -> Played:
    logs = FIRST_LOGS if first else MORE_LOGS
    simulation = Simulation(asked.setting, capacity, seed, logs=logs, keeps=first)
    return simulation.run(arrivals_of(when, seed))


def _bottleneck(asked: Asked, when: Arrivals, capacity: Capacity, played: Sequence[Played]) -> Bottleneck:
    def play(other: Capacity) -> list[Played]:
        seeds = [each.seed for each in played]
        return [Simulation(asked.setting, other, seed).run(arrivals_of(when, seed)) for seed in seeds]

    probe = Probe(play, capacity, asked.setting.program.limit, together=isinstance(when, int))
    return probe.bottleneck(played)


def _arrivals(asked: Asked, said: Arrivals | Scheduled | str) -> tuple[Asked, Arrivals]:
    """When runs come, and the question with the moment at which that begins."""
    if isinstance(said, Scheduled):
        coming = coming_from(asked.engine, said)
        return _from(asked, coming.begins), coming.arrivals
    if not isinstance(said, str):
        return asked, said
    if said != "trace":
        raise SettingsError(
            f'arrivals={shown(said)} are none: say Poisson(...), a list of moments, or "trace"'
        )
    if not asked.past:
        raise SettingsError('arrivals="trace" needs past runs, and the store holds none that have ended')
    begins = min(each.started for each in asked.past)
    return _from(asked, begins), [Arrival(each.started - begins, each.inputs) for each in asked.past]


def _from(asked: Asked, begins: float) -> Asked:
    return asked._replace(setting=asked.setting._replace(begins=begins))


def _outline(definition: Any, given: Any) -> Graph | None:
    """None also where what a run was given does not fit the workflow any more."""
    try:
        return graph_of(definition, given)
    except Exception:
        return None


def with_prices(said: Mapping[str, float]) -> Prices:
    """Prices by name: `worker_hour`, `run`, and steps."""
    own = {name: said[name] for name in ("worker_hour", "run") if name in said}
    return Prices(**own, attempts={name: price for name, price in said.items() if name not in own})
