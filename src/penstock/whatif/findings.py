"""What simulations of several seeds came to, as plain records."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from penstock.whatif.bands import Band, Latency, PlaceTold
from penstock.whatif.bottleneck import Bottleneck
from penstock.whatif.capacity import Capacity
from penstock.whatif.paths import Paths
from penstock.whatif.simulation import Played


class Prices(NamedTuple):
    """What things cost, in whatever money: an hour of a worker, a run, an attempt of a step by its name."""

    worker_hour: float = 0.0
    run: float = 0.0
    attempts: Mapping[str, float] = {}


class Known(NamedTuple):
    """What the simulation rests on: past runs and attempts that were learned from, and what nothing was known of.

    `by_size` are the steps whose duration went with the size of their input; `missing` took the `default_seconds` and gave
    nothing; `unanswered` are signals that nobody ever sent.
    """

    runs: int
    attempts: int
    by_size: list[str]
    missing: list[str]
    default_seconds: float
    unanswered: list[str]


class Findings(NamedTuple):
    """What was found. Bands are over seeds; seconds are virtual time.

    `makespan` is from the first arrival to the last end. `first` is the simulation of the first seed, for pictures.
    """

    workflow: str
    capacity: Capacity
    seeds: int
    runs: Band
    makespan: Band
    latency: Latency
    throughput: Band
    statuses: dict[str, int]
    reasons: list[str]
    places: list[PlaceTold]
    paths: Paths
    bottleneck: Bottleneck | None
    cost: Band | None
    known: Known
    first: Played
