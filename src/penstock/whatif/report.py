"""What simulations of several seeds came to, for people and programs: of the same, the same report, byte for byte."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from penstock.whatif.bands import DIGITS, band, latency_of, places_of, plain, reasons_of, statuses_of
from penstock.whatif.bottleneck import Bottleneck
from penstock.whatif.capacity import Capacity
from penstock.whatif.charts import thinned
from penstock.whatif.findings import Findings, Known, Prices
from penstock.whatif.measures import Meter
from penstock.whatif.page import page
from penstock.whatif.paths import Paths
from penstock.whatif.simulation import Played

POINTS = 200
"""So many points of a level over time are told."""


class Report(Findings):
    """What was found, to be told as values, as text and as a page. Bands are over seeds; seconds are virtual time."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"<Report {self.workflow}: {self.makespan.median:g} s with {self.capacity.workers} workers, {self.seeds} seeds>"

    def document(self) -> dict[str, Any]:
        """The report as plain values, for programs."""
        found: dict[str, Any] = plain(self._replace(first=()))  # type: ignore[arg-type]
        del found["first"]
        return found | {"levels": levels_of(self.first)}

    def to_json(self) -> str:
        """The document as text."""
        return json.dumps(self.document(), ensure_ascii=False, indent=2) + "\n"

    def to_html(self) -> str:
        """The report as one page that needs nothing else."""
        return page([self])


def levels_of(played: Played) -> dict[str, list[list[float]]]:
    """By place: [second, how many are busy, how many wait] of one seed, of at most 200 stretches of time the highest."""
    return {name: _levels(meter, played.seconds) for name, meter in sorted(played.meters.items())}


def _levels(meter: Meter, seconds: float) -> list[list[float]]:
    times = [at - meter.times[0] for at in meter.times]
    busy, waiting = (
        dict(thinned(zip(times, map(float, meter.levels[start::2]), strict=True), seconds, POINTS))
        for start in (0, 1)
    )
    return [[round(at, DIGITS), busy[at], waiting[at]] for at in busy]


def report_of(  # noqa: PLR0913 - one keyword a part of the report
    workflow: str,
    capacity: Capacity,
    played: Sequence[Played],
    *,
    paths: Paths,
    bottleneck: Bottleneck | None,
    known: Known,
    prices: Prices | None = None,
) -> Report:
    """The report on simulations of several seeds."""
    return Report(
        workflow=workflow,
        capacity=capacity,
        seeds=len(played),
        runs=band(float(len(each.runs)) for each in played),
        makespan=band(each.seconds for each in played),
        latency=latency_of(played),
        throughput=band(3600 * _ended(each) / each.seconds for each in played if each.seconds),
        statuses=statuses_of(played),
        reasons=reasons_of(played),
        places=places_of(played),
        paths=paths,
        bottleneck=bottleneck,
        cost=None if prices is None else band(_cost(each, capacity, prices) for each in played),
        known=known,
        first=played[0],
    )


def _ended(played: Played) -> int:
    return sum(run.ended is not None for run in played.runs)


def _cost(played: Played, capacity: Capacity, prices: Prices) -> float:
    hours = (capacity.workers or 1) * played.seconds / 3600
    attempts = sum(prices.attempts.get(kind, 0.0) * number for kind, number in played.attempts.items())
    return hours * prices.worker_hour + len(played.runs) * prices.run + attempts
