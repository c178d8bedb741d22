"""Metrics in the text format that Prometheus reads, without any server: serve it, or write it where a node exporter looks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from math import isnan
from typing import Any, Final

from penstock.observe.figures import AggregatedMetrics

QUANTILES: Final = {
    "0.5": "p50_execution_time_ms",
    "0.95": "p95_execution_time_ms",
    "0.99": "p99_execution_time_ms",
}

_FAMILIES: Final = {
    "penstock_processes_total": ("counter", "Units of work that have ended, by class and how they ended."),
    "penstock_processes_running": ("gauge", "Units of work that are running."),
    "penstock_process_last_end_timestamp_seconds": ("gauge", "When a unit of the class last ended."),
    "penstock_process_duration_seconds": ("summary", "How long units took that completed or failed."),
}
_HANDLERS: Final = {
    "calls": ("penstock_event_handler_calls_total", "counter", "Calls of the handlers of events."),
    "failures": ("penstock_event_handler_failures_total", "counter", "Handlers of events that raised."),
    "dropped": (
        "penstock_events_dropped_total",
        "counter",
        "Events dropped: the queue of a slow handler was full.",
    ),
    "waiting": ("penstock_events_waiting", "gauge", "Events that handlers have yet to see."),
}

Labels = Mapping[str, str]
Sample = tuple[str, Labels, float]


def text_of(classes: Iterable[AggregatedMetrics], handlers: Mapping[str, Any] | None = None) -> str:
    """The text for these classes, and for the figures of an event bus."""
    classes = list(classes)
    lines: list[str] = []
    for family, samples in zip(_FAMILIES, (_ends, _running, _last, _durations), strict=True):
        lines += _head(family, *_FAMILIES[family])
        lines += [_line(*sample) for each in classes for sample in samples(family, each)]
    for key, (family, kind, said) in _HANDLERS.items():
        if handlers is not None:
            lines += [*_head(family, kind, said), _line(family, {}, handlers[key])]
    return "\n".join(lines) + "\n"


def prometheus() -> str:
    """The text of the process's own collector and event bus. What ran before either was first used was not counted."""
    from penstock.observe import bus, metrics

    classes = metrics.metrics_collector.get_all_aggregated().values()
    return text_of(classes, bus.event_bus.get_stats())


def _ends(family: str, of: AggregatedMetrics) -> Iterator[Sample]:
    yield family, {"process_class": of.process_class, "status": "completed"}, of.successful_executions
    yield family, {"process_class": of.process_class, "status": "failed"}, of.failed_executions
    yield family, {"process_class": of.process_class, "status": "cancelled"}, of.cancelled_executions


def _running(family: str, of: AggregatedMetrics) -> Iterator[Sample]:
    yield family, {"process_class": of.process_class}, of.running_executions


def _last(family: str, of: AggregatedMetrics) -> Iterator[Sample]:
    if of.last_execution_at is not None:
        yield family, {"process_class": of.process_class}, of.last_execution_at.timestamp()


def _durations(family: str, of: AggregatedMetrics) -> Iterator[Sample]:
    count = of.successful_executions + of.failed_executions
    for quantile, field in QUANTILES.items():
        value = getattr(of, field) / 1000 if count else float("nan")
        yield family, {"process_class": of.process_class, "quantile": quantile}, value
    yield f"{family}_sum", {"process_class": of.process_class}, of.total_execution_time_ms / 1000
    yield f"{family}_count", {"process_class": of.process_class}, count


def _head(family: str, kind: str, said: str) -> list[str]:
    return [f"# HELP {family} {said}", f"# TYPE {family} {kind}"]


def _line(name: str, labels: Labels, value: float) -> str:
    said = ",".join(f'{key}="{_escaped(text)}"' for key, text in labels.items())
    return f"{name}{{{said}}} {_number(value)}" if said else f"{name} {_number(value)}"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _number(value: float) -> str:
    return "NaN" if isnan(value) else repr(value)
