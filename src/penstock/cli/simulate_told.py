"""What simulations came to, in words for people: one report, a sweep as a table, a check against what was."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from penstock.cli.closing import labelled
from penstock.cli.ink import Ink
from penstock.cli.text import columns, duration, number, plural

if TYPE_CHECKING:
    from penstock.whatif import Check, Report
    from penstock.whatif.bands import Band
    from penstock.whatif.bottleneck import Bottleneck
    from penstock.whatif.findings import Known

SHOWN = 6
"""So many steps of a critical path, or of those that nothing is known of, are named."""


def report(found: Report, ink: Ink) -> list[str]:
    """All there is to say of one report."""
    seeds = plural(found.seeds, "seed")
    runs = plural(round(found.runs.median), "run")
    head = f"{ink(found.workflow, 'title')}  {runs}, {_capacity(found)}, {seeds}"
    return [head, "", *labelled(list(_facts(found, ink)), ink)]


def _capacity(found: Report) -> str:
    capacity = found.capacity
    if capacity.workers is None:
        return "as it is"
    words = plural(capacity.workers, "worker")
    if capacity.slots is not None:
        words += f" of {plural(capacity.slots, 'run')}"
    return words


def _facts(found: Report, ink: Ink) -> Iterator[tuple[str, str]]:
    yield "makespan", _band(found.makespan, ink)
    if found.runs.median > 1:
        latency = found.latency
        yield (
            "latency",
            f"mean {_short(latency.mean)}, p50 {_short(latency.p50)}, p95 {_short(latency.p95)}, p99 {_short(latency.p99)}",
        )
        if latency.waited.mean > 0:
            yield "waited", f"{_short(latency.waited)} until the start"
        yield "throughput", f"{found.throughput.median:,.0f} runs an hour"
    if set(found.statuses) != {"completed"}:
        yield "ended", ", ".join(f"{number(count)} {status}" for status, count in found.statuses.items())
        for why in found.reasons:
            yield "", ink(why.split("\n", 1)[0], "bad")
    for place in found.places:
        waiting = f"{place.waiting.mean:,.1f} waiting on average, {number(place.most_waiting)} at most"
        busy = f"{place.utilisation.mean:.0%} of {number(place.slots)} busy; " if place.slots else ""
        yield place.name, busy + waiting
    if found.paths.usual:
        yield "critical", _path(found, ink)
    if found.bottleneck is not None:
        yield "raise first", _bottleneck(found.bottleneck, found)
    if found.cost is not None:
        yield (
            "cost",
            f"{found.cost.median:,.2f}  {ink(f'({found.cost.low:,.2f} to {found.cost.high:,.2f})', 'dim')}",
        )
    yield from _known(found.known, ink)


def _band(band: Band, ink: Ink) -> str:
    if band.low == band.high:
        return duration(band.median)
    return f"{duration(band.median)}  {ink(f'(nine of ten: {duration(band.low)} to {duration(band.high)})', 'dim')}"


def _short(band: Band) -> str:
    return duration(band.median)


def _path(found: Report, ink: Ink) -> str:
    arrow = " → " if ink.unicode else " -> "
    usual = found.paths.usual
    cut = [*usual[:SHOWN], "…"] if len(usual) > SHOWN else usual
    slowest = max((each for each in found.paths.steps if each.step in usual), key=lambda each: each.seconds)
    said = f"{slowest.step} takes most, {duration(slowest.seconds)}"
    return f"{arrow.join(cut)}  {ink(said, 'dim')}"


def _bottleneck(found: Bottleneck, whole: Report) -> str:
    if found.name is None:
        if whole.paths.steps:
            return "nothing: more of anything would not help; the critical path is what takes long"
        return "nothing: more of anything would not help"
    best = max((each for each in found.tried if each.name == found.name), key=lambda each: each.gain)
    return f"{found.name}: {best.raised:,g} instead of {best.now:,g} saves {best.gain:.0%} of the {found.objective}"


def _known(known: Known, ink: Ink) -> Iterator[tuple[str, str]]:
    if known.runs:
        said = f"{plural(known.attempts, 'attempt')} in {plural(known.runs, 'past run')}"
        yield "learned from", said
    if known.by_size:
        yield "by size", f"{_some(known.by_size)} took the longer the larger what they were given"
    if known.missing:
        took = duration(known.default_seconds)
        yield "not known", ink(f"{_some(known.missing)}: took {took} each and gave nothing", "warn")
    if known.unanswered:
        yield "unanswered", ink(f"nobody ever sent {_some(known.unanswered)}", "warn")


def _some(names: list[str]) -> str:
    more = len(names) - SHOWN
    return ", ".join(names[:SHOWN]) + (f" and {number(more)} more" if more > 0 else "")


def sweep(found: list[Report], ink: Ink) -> list[str]:
    """A line a number of workers."""
    first = found[0]
    several = first.runs.median > 1
    words = ["WORKERS", "MAKESPAN", "NINE OF TEN", "BUSY", "WAITING", *(["P95", "P99"] if several else [])]
    words += ["COST"] if first.cost is not None else []
    rows = [[ink(word, "dim") for word in words], *(_swept(each, several=several) for each in found)]
    head = f"{ink(first.workflow, 'title')}  {plural(round(first.runs.median), 'run')}, {plural(first.seeds, 'seed')}"
    return [
        head,
        "",
        *(f"  {line}" for line in columns(rows, right=range(len(words)))),
        "",
        *labelled(list(_known(first.known, ink)), ink),
    ]


def _swept(found: Report, *, several: bool) -> list[str]:
    busy = max((place.utilisation.mean for place in found.places), default=0.0)
    waiting = sum(place.waiting.mean for place in found.places)
    row = [
        "as is" if found.capacity.workers is None else number(found.capacity.workers),
        duration(found.makespan.median),
        f"{duration(found.makespan.low)} to {duration(found.makespan.high)}",
        f"{busy:.0%}",
        f"{waiting:,.1f}",
    ]
    if several:
        row += [duration(found.latency.p95.median), duration(found.latency.p99.median)]
    return row if found.cost is None else [*row, f"{found.cost.median:,.2f}"]


def check(found: Check, ink: Ink) -> list[str]:
    """What was predicted beside what was, run by run and for all runs of a width."""
    heads = [ink(word, "dim") for word in ("RUN", "WORKERS", "REAL", "PREDICTED", "OFF", "NINE OF TEN")]
    rows = [
        [
            ink(each.run[:8], "name"),
            number(each.workers),
            duration(each.real),
            duration(each.predicted.median),
            f"{each.error:+.0%}",
            f"{duration(each.predicted.low)} to {duration(each.predicted.high)}",
        ]
        for each in found.runs
    ]
    means = [
        [
            f"median of {each.runs}",
            number(each.workers),
            duration(each.real),
            duration(each.predicted),
            f"{each.error:+.0%}",
            "",
        ]
        for each in found.together
    ]
    lines = columns([heads, *rows, *means], right=range(1, 6))
    learned = plural(found.learned_from, "past run")
    return [f"{ink(found.workflow, 'title')}  learned from {learned}", "", *(f"  {line}" for line in lines)]
