"""What was measured, as it is kept in results/budgets.json, and the machine it was measured on."""

from __future__ import annotations

import json
import os
import platform
import sqlite3
import sys
import time
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from benchmarks.measuring.children import ROOT
from benchmarks.measuring.figures import Figure

BUDGETS = ROOT / "benchmarks" / "results" / "budgets.json"


@dataclass(frozen=True)
class Results:
    """The machine, and a figure a budget."""

    python: str
    sqlite: str
    system: str
    processors: int
    figures: list[Figure]


def measured_here(figures: Iterable[Figure]) -> Results:
    today = time.strftime("%Y-%m-%d", time.gmtime())
    return Results(
        python=platform.python_version(),
        sqlite=sqlite3.sqlite_version,
        system=f"{sys.platform} {platform.machine()}",
        processors=os.cpu_count() or 1,
        figures=[replace(figure, taken=today) for figure in figures],
    )


def merged(before: Results | None, now: Results) -> Results:
    """What is new, in the place of what it replaces; the rest as it was, each with its own date."""
    if before is None:
        return now
    new = {figure.name: figure for figure in now.figures}
    kept = [new.pop(figure.name, figure) for figure in before.figures]
    return replace(now, figures=[*kept, *new.values()])


def write(results: Results, path: Path = BUDGETS) -> None:
    """A line a figure, so that a change can be read."""
    kept = asdict(results)
    rows = [json.dumps(row) for row in kept.pop("figures")]
    head = json.dumps(kept, indent=1).removesuffix("\n}")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f'{head},\n "figures": [\n  ' + ",\n  ".join(rows) + "\n ]\n}\n", encoding="utf-8")


def read(path: Path = BUDGETS) -> Results | None:
    """What was kept, if anything was."""
    if not path.exists():
        return None
    kept = json.loads(path.read_text(encoding="utf-8"))
    return Results(**{**kept, "figures": [Figure(**row) for row in kept["figures"]]})


def figures_in(text: str) -> Iterator[Figure]:
    """The figures among the lines that a question's process printed."""
    for line in text.splitlines():
        if line.startswith('{"name"'):
            yield Figure(**json.loads(line))
