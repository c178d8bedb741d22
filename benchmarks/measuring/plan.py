"""The questions, in the order in which they are asked. Each is a module of `benchmarks` with BUDGETS and `measure`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from benchmarks.measuring.children import ROOT, Failed, said
from benchmarks.measuring.figures import Figure
from benchmarks.measuring.results import figures_in

QUESTIONS = (
    "memory_chain",
    "memory_fan_out",
    "memory_runs",
    "sqlite_chain",
    "sqlite_fan_out",
    "sqlite_runs",
    "queue_tasks",
    "wake_up",
    "writers",
    "resume",
    "map_items",
    "routines",
    "functions",
    "building",
    "processes",
    "simulating",
    "data_taking",
    "whatif",
    "whatif_size",
    "start_up",
    "idle",
    "commands",
)

LIMIT_SECONDS = {"full": 120.0, "quick": 60.0, "tiny": 20.0}
"""For one question, after which its process is ended with all that it started."""


def matching(names: Iterable[str]) -> list[str]:
    """The questions whose names contain one of these; without names all of them."""
    wanted = list(names)
    return [name for name in QUESTIONS if not wanted or any(part in name for part in wanted)]


def asked(names: Iterable[str], scale: str) -> Iterator[tuple[str, list[Figure] | Failed]]:
    """Each question's answer, asked in a process of its own: one question's heap is not the next one's."""
    for name in names:
        yield name, ask(name, scale)


def ask(name: str, scale: str) -> list[Figure] | Failed:
    arguments = ["-m", "benchmarks.measuring.ask", name, scale]
    try:
        return list(figures_in(said(arguments, ROOT, seconds=LIMIT_SECONDS[scale])))
    except Failed as failure:
        return failure
