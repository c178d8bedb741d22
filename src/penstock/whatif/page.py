"""A report, or a sweep of them, as one page of HTML that needs nothing else: figures, and pictures of the first seed. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape
from typing import Final

from penstock.model.history import Attempt, steps_in
from penstock.whatif.bands import Band
from penstock.whatif.charts import Bar, Curve, Row, bars, curve, level, thinned
from penstock.whatif.findings import Findings
from penstock.whatif.simulation import Played

MOST_ROWS: Final = 60
"""So many rows of bars are drawn."""

_STYLE: Final = """
:root { color-scheme: light dark; --ink: #1f2328; --dim: #656d76; --line: #d0d7de; --paper: #ffffff; --done: #3b7dd8;
  --failed: #d1495b; --waiting: #c3cad3; --busy: #3b7dd8; --queue: #e09f3e; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6edf3; --dim: #8d96a0; --line: #3d444d; --paper: #0d1117;
  --done: #5b9bea; --failed: #e5727f; --waiting: #4d5560; --busy: #5b9bea; --queue: #e3b261; } }
body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper); max-width: 960px; margin: 2rem auto;
  padding: 0 1rem; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.1rem; margin-top: 2rem; } p, td, th { color: var(--ink); }
table { border-collapse: collapse; } th { text-align: left; font-weight: 600; color: var(--dim); }
td, th { padding: .2rem 1.2rem .2rem 0; vertical-align: top; } .dim { color: var(--dim); }
svg { width: 100%; height: auto; font: 11px system-ui, sans-serif; }
svg text { fill: var(--dim); } .name { text-anchor: end; } .tick { text-anchor: middle; }
.grid { stroke: var(--line); stroke-width: .5; fill: none; }
.bound { stroke: var(--failed); stroke-dasharray: 4 3; fill: none; }
.done { fill: var(--done); } .failed { fill: var(--failed); } .waiting { fill: var(--waiting); }
.busy { fill: var(--busy); fill-opacity: .55; } .queue { fill: var(--queue); fill-opacity: .65; }
.band { fill: var(--busy); fill-opacity: .18; }
.line { stroke: var(--busy); stroke-width: 2; fill: none; } .dot { fill: var(--busy); }
"""


def page(reports: Sequence[Findings]) -> str:
    """The page of one report, or of several that differ in their workers."""
    first = reports[0]
    title = f"What if: {escape(first.workflow)}"
    body = [f"<h1>{title}</h1>"]
    if len(reports) > 1:
        body += _sweep(reports)
    for each in reports:
        body += _report(each)
    return "\n".join(
        [
            f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<style>{_STYLE}</style></head><body>",
            *body,
            "</body></html>\n",
        ]
    )


def _sweep(reports: Sequence[Findings]) -> Iterator[str]:
    yield "<h2>Makespan by workers</h2>"
    found = [(float(each.capacity.workers or 1), each.makespan) for each in reports]
    points = [(workers, each.median) for workers, each in found]
    drawn = Curve(points, [each.low for _, each in found], [each.high for _, each in found])
    yield curve(drawn, "Makespan by workers", "workers")
    yield '<p class="dim">The median over seeds; nine of ten lie in the band.</p>'


def _report(report: Findings) -> Iterator[str]:
    workers = report.capacity.workers
    several = "" if workers == 1 else "s"
    yield f"<h2>{'As it is' if workers is None else f'With {workers:,} worker{several}'}</h2>"
    yield _table(list(_figures(report)))
    first = report.first
    rows = list(_rows(first))
    if rows:
        yield "<h2>Gantt chart</h2>"
        yield bars(rows[:MOST_ROWS], first.seconds, "Steps over time")
        more = len(rows) - MOST_ROWS
        cut = f", of {len(rows):,} the first {MOST_ROWS}" if more > 0 else ""
        yield f'<p class="dim">Seed {first.seed}{cut}. Blue: done; red: failed; grey: waiting.</p>'
    for name, meter in sorted(first.meters.items()):
        times = [at - meter.times[0] for at in meter.times]
        for words, kind, start, most in (
            ("Utilisation", "busy", 0, float(meter.slots)),
            ("Queue", "queue", 1, 0.0),
        ):
            levels = [float(value) for value in meter.levels[start::2]]
            points = thinned(zip(times, levels, strict=True), first.seconds)
            yield f"<h2>{words}: {escape(name)}</h2>"
            yield level(points, first.seconds, most, f"{words} of {name}", kind)


def _figures(report: Findings) -> Iterator[tuple[str, str]]:
    yield "seeds", f"{report.seeds:,}"
    yield "runs", f"{report.runs.median:,.0f}"
    yield "makespan", _band(report.makespan, "s")
    if report.runs.median > 1:
        yield from _latencies(report)
    yield "ended", ", ".join(f"{count:,} {status}" for status, count in report.statuses.items())
    for place in report.places:
        yield (
            f"{place.name} ({place.slots:,})",
            f"{place.utilisation.mean:.1%} busy, {place.waiting.mean:,.1f} waiting on average",
        )
    yield "critical path", " → ".join(report.paths.usual) or "none"
    found = report.bottleneck
    if found is not None:
        yield "raise first", found.name or "nothing: more of anything would not help"
        for each in found.tried:
            yield (
                f"{each.name}: {each.raised:,g} for {each.now:,g}",
                f"saves {each.gain:.1%} of the {found.objective}",
            )
    if report.cost is not None:
        yield "cost", _band(report.cost, "")
    known = report.known
    yield "learned from", f"{known.attempts:,} attempts in {known.runs:,} past runs"
    if known.missing:
        yield (
            "not known",
            f"{', '.join(known.missing)}: took {known.default_seconds:g} s each and gave nothing",
        )
    if known.unanswered:
        yield "unanswered signals", ", ".join(known.unanswered)


def _latencies(report: Findings) -> Iterator[tuple[str, str]]:
    for name, band in report.latency._asdict().items():
        yield "waited until the start" if name == "waited" else f"latency, {name}", _band(band, "s")
    yield "throughput", _band(report.throughput, "runs an hour")


def _band(band: Band, unit: str) -> str:
    text = f"{band.median:,.3f} {unit}".strip()
    return text if band.low == band.high else f"{text} ({band.low:,.3f} to {band.high:,.3f})"


def _table(facts: Sequence[tuple[str, str]]) -> str:
    rows = (f"<tr><th>{escape(label)}</th><td>{escape(said)}</td></tr>" for label, said in facts)
    return f"<table>{''.join(rows)}</table>"


def _rows(played: Played) -> Iterator[Row]:
    """A row a step where there is one run, else a row a run."""
    if len(played.runs) > 1:
        for run in played.runs:
            began = run.started if run.started is not None else played.seconds
            ends = run.ended if run.ended is not None else played.seconds
            waits = [
                Bar(run.arrived, began, "waiting", f"run {run.number} waited {began - run.arrived:.3f} s")
            ]
            kind = "done" if run.status == "completed" else "failed"
            told = Bar(began, ends, kind, f"run {run.number} {run.status} after {ends - run.arrived:.3f} s")
            yield Row(f"run {run.number}", [*(waits if began > run.arrived else []), told])
        return
    for log in played.logs.values():
        begins = log[0][1] if log else 0.0
        for record in steps_in(log).values():
            yield Row(record.name, [_attempt(each, begins, played.seconds) for each in record.attempts])


def _attempt(attempt: Attempt, begins: float, seconds: float) -> Bar:
    start = attempt.started_at - begins
    end = seconds if attempt.ended_at is None else attempt.ended_at - begins
    kind = "done" if attempt.status == "completed" else "failed"
    item = "" if attempt.item is None else f"item {attempt.item}, "
    return Bar(
        start, end, kind, f"{item}attempt {attempt.number}: {attempt.status} after {end - start:.3f} s"
    )
