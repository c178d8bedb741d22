"""How a sweep is shown: a line for each combination, and a drawing of how busy workers were and how long the queue was."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from penstock.cli.drawing.curves import Line, Panel, curves
from penstock.cli.ink import STYLE_OF as STYLES
from penstock.cli.ink import Ink
from penstock.cli.simulated import STYLE_OF
from penstock.cli.text import columns, number
from penstock.errors import InputError

if TYPE_CHECKING:
    from penstock.simulations import WorkflowExecution

HEADS = ("STATUS", "STFS", "TASKS", "BUSY", "QUEUE", "LATENCY P50", "P95", "VIRTUAL", "EXECUTION")


def table(points: Sequence[Mapping[str, str]], found: Sequence[WorkflowExecution], ink: Ink) -> list[str]:
    """A line each; QUEUE is the longest that the queue was."""
    names = list(points[0])
    heads = ["", *(name.upper() for name in names), *HEADS]
    rows = [
        [
            *_begin(each, ink),
            *point.values(),
            *_status(each, ink),
            *_figures(each.performance_metrics or {}),
            each.execution_id,
        ]
        for point, each in zip(points, found, strict=True)
    ]
    flush = [*range(1, len(names) + 1), *range(len(names) + 2, len(names) + 9)]
    return columns([[ink(head, "dim") for head in heads], *rows], right=flush)


def _begin(each: WorkflowExecution, ink: Ink) -> list[str]:
    return [ink.sign(STYLE_OF.get(each.status, each.status))]


def _status(each: WorkflowExecution, ink: Ink) -> list[str]:
    return [ink(each.status.replace("_", " "), STYLES[STYLE_OF.get(each.status, each.status)])]


def _figures(found: Mapping[str, Any]) -> list[str]:
    if not found:
        return [""] * 7
    busy, queue, latency = (found[name] for name in ("worker_utilisation", "queue_depth", "latency_seconds"))
    return [
        number(found["stfs"]) if found["stfs"] else "",
        number(found["tasks"]["completed"]) if found["tasks"]["submitted"] else "",
        f"{busy:.1%}" if busy is not None else "",
        number(queue["max"]) if queue is not None else "",
        f"{latency['p50']:,.1f} s" if latency is not None else "",
        f"{latency['p95']:,.1f} s" if latency is not None else "",
        f"{found['virtual_seconds']:,.0f} s",
    ]


def drawn(name: str, points: Sequence[Mapping[str, str]], found: Sequence[WorkflowExecution]) -> str:
    """How the pools of executions went over time, as SVG. Raises InputError if there was none."""
    courses = [
        (_called(point), course, (each.performance_metrics or {})["workers"])
        for point, each in zip(points, found, strict=True)
        if (course := (each.performance_metrics or {}).get("course"))
    ]
    if not courses:
        raise InputError(
            f"there is nothing to draw: no execution of {name!r} had a pool of workers (runner.pool)"
        )
    panels = [
        Panel(
            "workers busy, %",
            [Line(said, _points(course, "busy", 100 / workers)) for said, course, workers in courses],
            100.0,
        ),
        Panel("units waiting", [Line(said, _points(course, "waiting")) for said, course, _ in courses]),
        Panel("units done", [Line(said, _points(course, "completed")) for said, course, _ in courses]),
    ]
    return curves(name, panels, "seconds of virtual time")


def _called(point: Mapping[str, str]) -> str:
    return ", ".join(f"{name} {value}" for name, value in point.items())


def _points(course: Mapping[str, Any], what: str, scale: float = 1.0) -> list[tuple[float, float]]:
    since, step = course["since"], course["step"]
    return [(since + place * step, value * scale) for place, value in enumerate(course[what])]
