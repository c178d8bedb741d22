"""What was measured, as it is kept in results/peers.json and shown: medians, and how many times Penstock's time that is.

Machines have quiet and busy minutes, so a ratio is taken within each round and the median of those is shown.
"""

from __future__ import annotations

import json
import os
import platform
import sys
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

from benchmarks.peers.plan import CONTENDERS, WORKLOADS, Contender
from benchmarks.peers.rounds import Measurement

WHOLE = "resume"
"""The workload that is not divided by its n: what it takes is not proportional to that."""


@dataclass(frozen=True)
class Results:
    """Everything that the tables are made of."""

    taken: str
    python: str
    system: str
    processors: int
    commit_microseconds: list[float]
    versions: dict[str, list[str]]
    measurements: list[Measurement]

    @property
    def failures(self) -> list[Measurement]:
        return [each for each in self.measurements if each.seconds is None]


def described(
    measurements: Sequence[Measurement],
    contenders: Iterable[Contender],
    *,
    taken: str,
    commit_microseconds: list[float],
) -> Results:
    return Results(
        taken=taken,
        python=platform.python_version(),
        system=f"{sys.platform} {platform.machine()}",
        processors=os.cpu_count() or 1,
        commit_microseconds=[round(each, 1) for each in commit_microseconds],
        versions={each.environment: pins(each.requirements) for each in contenders},
        measurements=list(measurements),
    )


def pins(requirements: Path) -> list[str]:
    lines = (line.strip() for line in requirements.read_text(encoding="utf-8").splitlines())
    return [line for line in lines if line and not line.startswith(("#", "-"))]


def write(results: Results, path: Path) -> None:
    kept = asdict(results)
    kept["measurements"] = [
        {name: value for name, value in each.items() if value not in (None, "")}
        for each in kept["measurements"]
    ]
    rows = [json.dumps(each) for each in kept.pop("measurements")]
    head = json.dumps(kept, indent=1).removesuffix("\n}")
    path.parent.mkdir(parents=True, exist_ok=True)
    # A line a measurement, so that a change can be read.
    path.write_text(f'{head},\n "measurements": [\n  ' + ",\n  ".join(rows) + "\n ]\n}\n", encoding="utf-8")


def read(path: Path) -> Results:
    kept = json.loads(path.read_text(encoding="utf-8"))
    kept["measurements"] = [Measurement(**each) for each in kept["measurements"]]
    return Results(**kept)


# ── numbers ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def units_of(results: Results, peer: str, workload: str) -> dict[int, float]:
    """Seconds per step or workflow (or, to resume, in all), by round."""
    return {
        each.round: each.seconds / (1 if workload == WHOLE else each.n)
        for each in results.measurements
        if each.peer == peer and each.workload == workload and each.seconds is not None
    }


def ratio(found: dict[int, float], against: dict[int, float]) -> float | None:
    shared = [found[number] / against[number] for number in found if number in against]
    return median(shared) if shared else None


def time_text(seconds: float) -> str:
    for unit, size in (("s", 1.0), ("ms", 1e-3)):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}" if seconds < 1000 * size else f"{seconds:.0f} s"
    return f"{seconds * 1e6:.3g} us"


def cell(results: Results, contender: Contender, workload: str) -> str:
    """The median and the ratio to Penstock, such as `2.1 ms  x 9.4`; a dash for what was not measured."""
    found = units_of(results, contender.name, workload)
    if not found:
        return "-"
    shown = time_text(median(found.values()))
    if contender.against is None:
        return shown
    times = ratio(found, units_of(results, contender.against, workload))
    return (
        shown if times is None else f"{shown}  x {times:,.0f}" if times >= 100 else f"{shown}  x {times:.2g}"
    )


# ── tables ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def rows_of(results: Results) -> list[list[str]]:
    measured = {each.peer for each in results.measurements}
    head = ["", "survives", *WORKLOADS.values()]
    body = [
        [each.name, each.keeps, *(cell(results, each, workload) for workload in WORKLOADS)]
        for each in CONTENDERS
        if each.name in measured
    ]
    return [head, *body]


def plain(results: Results) -> str:
    head, *body = rows_of(results)
    head = ["", "survives", *WORKLOADS]
    widths = [max(len(row[column]) for row in [head, *body]) for column in range(len(head))]
    lines = [
        "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)) for row in [head, *body]
    ]
    return "\n".join([line.rstrip() for line in lines] + ["", *notes(results)])


def markdown(results: Results) -> str:
    head, *body = rows_of(results)
    lines = [f"| {' | '.join(row)} |" for row in [head, ["---"] * len(head), *body]]
    return "\n".join([*lines, "", *(f"- {note}" for note in notes(results))])


def notes(results: Results) -> list[str]:
    commits = " and ".join(f"{each:.0f} us" for each in results.commit_microseconds)
    versions = "; ".join(", ".join(pinned) for pinned in results.versions.values() if pinned)
    flights = {
        each.peer: each.n for each in results.measurements if each.workload == "in_flight" and each.seconds
    }
    found = [
        "x is how many times Penstock's time that is, round by round (Hamilton's: that of penstock-ephemeral).",
        f"{results.taken}, {results.system}, {results.processors} processors, Python {results.python}.",
        f"One durable row in SQLite took this disk {commits}, before and after.",
        f"{versions}.",
        "In flight together: " + ", ".join(f"{peer} {n:,}" for peer, n in flights.items()) + ".",
    ]
    return found + [f"{each.peer}, {each.workload}: {each.failure}" for each in unlike(results.failures)]


def unlike(failures: Iterable[Measurement]) -> list[Measurement]:
    """One failure of each kind: a peer that cannot start fails everywhere in the same way."""
    return list({(each.peer, each.failure): each for each in failures}.values())
