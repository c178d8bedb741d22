"""docs/benchmarks.md, made from what was measured: `python -m benchmarks --write`."""

from __future__ import annotations

from collections.abc import Iterable

from benchmarks.measuring.children import ROOT
from benchmarks.measuring.figures import Figure, shown
from benchmarks.measuring.results import Results, read

PATH = ROOT / "docs" / "benchmarks.md"
PEERS = ROOT / "benchmarks" / "results" / "peers.json"

HEAD = """\
# How fast it is

Made by `python -m benchmarks --write` from `benchmarks/results`; do not edit it here.

## Budgets

Each line is a promise about time or memory with a limit that must hold and one to aim at. Machines differ, and one machine has
quiet and busy minutes; so most limits are ratios to something bare that is measured in turn with the work:

- **A**: asyncio's `create_task` and `await` of a coroutine that does nothing.
- **N** and **F**: SQLite with a write-ahead log, one row of 200 bytes a commit in a plain table, without and with an fsync, in
  the folder of the store. `crash` survives `kill -9`, `power` a power cut too; N and F survive the same.

The figure is the median over rounds; the quietest round stands beside it. Workflows go through the public API at its default
settings (in memory: ephemeral), with an observer and the capture of logs on and a value of 200 bytes between steps. Results
are checked, and the logs of durable runs are verified afterwards: numbers without holes, every step completed once. The fan-out
also kills itself half way, and shows what was lost.
"""

REPEAT = """
Repeat it with `make bench`: about ten minutes; `python -m benchmarks --quick` takes two, `--only NAME` asks some questions.
Each question is a file under `benchmarks/`.
"""

PEERS_HEAD = """
## Other engines

The same work on other engines, in turn, each in an environment of its own, at the default settings of each unless a note says
otherwise. Repeat it with `make bench-peers`.
"""


def text() -> str:
    found = read()
    parts = [HEAD, *(budgets(found) if found is not None else ["\nNothing was measured yet.\n"]), REPEAT]
    if PEERS.exists():
        from benchmarks.peers import results as peers

        parts += [PEERS_HEAD, f"\n{peers.markdown(peers.read(PEERS))}\n"]
    return "".join(parts)


def budgets(found: Results) -> Iterable[str]:
    yield "\n| what | must | aim | measured | quietest | verdict |\n|---|---|---|---|---|---|\n"
    yield from (row(figure) for figure in found.figures)
    yield "\nWhat lies behind the figures:\n\n"
    yield from (f"- {figure.what}: {figure.note}.\n" for figure in found.figures if figure.note)
    days = sorted({figure.taken for figure in found.figures})
    yield (
        f"\nMeasured {' to '.join(dict.fromkeys((days[0], days[-1])))} on {found.system},"
        f" {found.processors} processors, Python {found.python}, SQLite {found.sqlite}.\n"
    )


def row(figure: Figure) -> str:
    limits = (figure.must, figure.aim, figure.measured, figure.quietest)
    cells = [figure.what, *(shown(value, figure.unit) for value in limits), figure.verdict]
    return f"| {' | '.join(cells)} |\n"


def write() -> None:
    PATH.write_text(text(), encoding="utf-8")
