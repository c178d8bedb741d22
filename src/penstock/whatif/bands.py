"""Figures over seeds: what is usual, and how far it goes down and up. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from penstock.model.states import FINISHED
from penstock.whatif.simulation import Played

DIGITS = 6
"""Microseconds, of seconds: less is arithmetic."""


class Band(NamedTuple):
    """The median over seeds, the mean, and between which values nine of ten lie."""

    median: float
    low: float
    high: float
    mean: float


def band(values: Iterable[float]) -> Band:
    """The band of some values; all zero of none."""
    found = sorted(values)
    if not found:
        return Band(0.0, 0.0, 0.0, 0.0)
    quantiles = (quantile(found, share) for share in (0.5, 0.05, 0.95))
    return Band(*(round(each, DIGITS) for each in (*quantiles, sum(found) / len(found))))


def quantile(ordered: Sequence[float], share: float) -> float:
    """Of values in order, the one that such a share lies below; between two, in proportion."""
    place = share * (len(ordered) - 1)
    below = int(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (place - below)


class Latency(NamedTuple):
    """From arrival to end, in seconds, of the runs of a seed: each figure's band over seeds. `waited` is until the start."""

    mean: Band
    p50: Band
    p95: Band
    p99: Band
    waited: Band


def latency_of(played: Iterable[Played]) -> Latency:
    """The latencies of runs that ended."""
    rows = [_latencies(each) for each in played]
    columns = list(zip(*[row for row in rows if row is not None], strict=True)) or [()] * 5
    return Latency(*(band(column) for column in columns))


def _latencies(played: Played) -> tuple[float, ...] | None:
    took = sorted(run.ended - run.arrived for run in played.runs if run.ended is not None)
    if not took:
        return None
    waited = [run.started - run.arrived for run in played.runs if run.started is not None]
    shares = (quantile(took, share) for share in (0.5, 0.95, 0.99))
    return (sum(took) / len(took), *shares, sum(waited) / len(waited))


class PlaceTold(NamedTuple):
    """A kind of place. `utilisation` is the share of its places' time in which a step was there; `waiting` how many waited.

    A limit is one, too; where it only bounds a rate it has no slots, and `utilisation` is how many steps were under it.
    """

    name: str
    slots: int
    utilisation: Band
    waiting: Band
    most_waiting: int


def places_of(played: Sequence[Played]) -> list[PlaceTold]:
    """All kinds of places, by name."""
    names = sorted({name for each in played for name in each.meters})
    return [_place(name, played) for name in names]


def _place(name: str, played: Sequence[Played]) -> PlaceTold:
    met = [(each.meters[name], each.seconds) for each in played if name in each.meters]
    slots = max(meter.slots for meter, _ in met)
    busy = band(meter.busy_seconds / ((meter.slots or 1) * seconds) for meter, seconds in met if seconds)
    waiting = band(meter.waiting_seconds / seconds for meter, seconds in met if seconds)
    return PlaceTold(name, slots, busy, waiting, max(meter.most_waiting for meter, _ in met))


def statuses_of(played: Iterable[Played]) -> dict[str, int]:
    """How many runs ended how, over all seeds; those that never ended are `unfinished`."""
    counts: dict[str, int] = {}
    for each in played:
        for run in each.runs:
            status = run.status if run.status in (*FINISHED, "left out") else "unfinished"
            counts[status] = counts.get(status, 0) + 1
    return dict(sorted(counts.items()))


def reasons_of(played: Iterable[Played], most: int = 5) -> list[str]:
    """Why runs failed or never ended: the most frequent first."""
    counts: dict[str, int] = {}
    for each in played:
        for run in each.runs:
            if run.why:
                counts[run.why] = counts.get(run.why, 0) + 1
    return sorted(counts, key=lambda why: (-counts[why], why))[:most]


def plain(value: Any) -> Any:
    """Tuples with names as documents, all the way down."""
    if isinstance(value, tuple) and hasattr(value, "_asdict"):
        return {name: plain(each) for name, each in value._asdict().items()}
    if isinstance(value, list | tuple):
        return [plain(each) for each in value]
    if isinstance(value, dict):
        return {name: plain(each) for name, each in value.items()}
    return round(value, DIGITS) if isinstance(value, float) else value
