"""How definitions and executions of simulated workflows are shown: to people as lines, to programs as documents."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from penstock.cli.closing import labelled, shown
from penstock.cli.ink import Ink
from penstock.cli.text import age, columns, duration, number, plural

if TYPE_CHECKING:
    from penstock.cli.desk import Desk
    from penstock.simulations import WorkflowDefinition, WorkflowExecution

STYLE_OF = {"terminated": "cancelled", "timed_out": "failed"}
"""How a run of like fate is shown."""


def executions(found: list[WorkflowExecution], ink: Ink) -> list[str]:
    """A line an execution."""
    heads = [ink(word, "dim") for word in ("", "EXECUTION", "VERSION", "STATUS", "STARTED", "TOOK", "RUN")]
    now = time.time()
    return columns([heads, *(_row(each, ink, now) for each in found)], right=[5])


def _row(each: WorkflowExecution, ink: Ink, now: float) -> list[str]:
    style = STYLE_OF.get(each.status, each.status)
    started = each.start_time.timestamp()
    took = (each.end_time.timestamp() if each.end_time else now) - started
    return [
        ink.sign(style),
        each.execution_id,
        each.workflow_definition.version,
        _status(each, ink),
        ink(age(now - started), "dim"),
        duration(took),
        ink((each.run_id or "")[:8], "dim"),
    ]


def _status(each: WorkflowExecution, ink: Ink) -> str:
    from penstock.cli.ink import STYLE_OF as STYLES

    return ink(each.status.replace("_", " "), STYLES[STYLE_OF.get(each.status, each.status)])


def execution(each: WorkflowExecution, desk: Desk) -> Iterator[str]:
    """All there is to say of one execution."""
    ink = desk.ink
    end = each.end_time.timestamp() if each.end_time else time.time()
    took = duration(end - each.start_time.timestamp())
    sign = ink.sign(STYLE_OF.get(each.status, each.status))
    yield f"{sign} {ink(each.execution_id, 'title')}  {_status(each, ink)} in {took}"
    if each.error_message:
        yield ""
        yield from (f"  {ink(line, 'bad')}" for line in each.error_message.split("\n"))
    yield ""
    yield from labelled(list(facts_of(each, desk)), ink)


def facts_of(each: WorkflowExecution, desk: Desk) -> Iterator[tuple[str, str]]:
    """What an execution was, and what was measured."""
    definition = each.workflow_definition
    yield "workflow", f"{definition.workflow_name} {definition.version}"
    yield "parameters", shown(each.parameter_values)
    yield from figures(each.performance_metrics or {})
    if each.run_id is not None:
        yield "run", desk.command("show", each.run_id)


def figures(found: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """What was measured, as far as there was something to measure."""
    if not found:
        return
    wall = duration(found["wall_seconds"])
    yield (
        "time",
        f"{found['virtual_seconds']:,.1f} s of virtual time in {wall}, {number(found['events'])} events",
    )
    if found["stfs"]:
        yield "STFs", number(found["stfs"])
    tasks = found["tasks"]
    if tasks["submitted"]:
        yield "tasks", ", ".join(f"{number(count)} {outcome}" for outcome, count in tasks.items() if count)
    latency = found["latency_seconds"]
    if latency:
        told = ", ".join(f"{name} {seconds:,.1f} s" for name, seconds in latency.items())
        yield "latency", f"{told}; {found['within_target']:.1%} within target"
    if found["worker_utilisation"] is not None:
        there = f"{number(found['workers'])} on {plural(found['nodes'], 'node')}"
        yield "workers", f"{found['worker_utilisation']:.1%} busy ({there})"
        queue = found["queue_depth"]
        yield "queue", f"{queue['mean']:,.1f} on average, {number(queue['max'])} at most"
    if found["messages"]:
        yield "messages", ", ".join(f"{number(count)} {kind}" for kind, count in found["messages"].items())


def execution_document(each: WorkflowExecution) -> dict[str, Any]:
    """An execution for programs."""
    return {
        "execution": each.execution_id,
        "workflow": each.workflow_definition.workflow_name,
        "version": each.workflow_definition.version,
        "status": each.status,
        "parameters": each.parameter_values,
        "metrics": each.performance_metrics,
        "started_at": each.start_time.timestamp(),
        "ended_at": each.end_time.timestamp() if each.end_time else None,
        "error": each.error_message,
        "executed_by": each.executed_by,
        "run": each.run_id,
        "seed": each.seed,
    }


def definitions(found: list[WorkflowDefinition], ink: Ink) -> list[str]:
    """A line a definition."""
    heads = [ink(word, "dim") for word in ("WORKFLOW", "VERSION", "CODE", "PARAMETERS", "KEPT", "BY")]
    now = time.time()
    rows = [
        [
            each.workflow_name,
            each.version,
            ink(each.code_hash[:8], "dim"),
            str(len(each.parameter_values)),
            ink(age(now - each.created_at.timestamp()), "dim"),
            each.created_by,
        ]
        for each in found
    ]
    return columns([heads, *rows], right=[3])


def definition(each: WorkflowDefinition, ink: Ink) -> Iterator[str]:
    """All there is to say of one definition, but its code."""
    from penstock.simulations.parameters import described

    said = each.configuration.get("workflow", {}).get("description", "")
    yield f"{ink(each.workflow_name, 'title')} {each.version}  {ink(said, 'dim')}".rstrip()
    kept = each.created_at.astimezone().strftime("%Y-%m-%d %H:%M:%S")
    yield from labelled([("code", each.code_hash), ("kept", f"{kept} by {each.created_by}")], ink)
    yield ""
    rows = [
        [name, ink(kind, "dim"), "" if default is None else shown(default)]
        for name, kind, default in described(each.parameter_values)
    ]
    yield from (f"  {line}" for line in columns(rows))


def definition_document(each: WorkflowDefinition) -> dict[str, Any]:
    """A definition for programs."""
    return {
        "workflow": each.workflow_name,
        "version": each.version,
        "type": each.workflow_type,
        "code": each.definition,
        "code_hash": each.code_hash,
        "parameters": each.parameter_values,
        "created_by": each.created_by,
        "created_at": each.created_at.timestamp(),
        "origin": each.origin,
    }
