"""Events and metrics of processes, on `penstock.observe`."""

from swfme.monitoring.event_bus import EventBus, event_bus
from swfme.monitoring.metrics import AggregatedMetrics, MetricsCollector, ProcessMetrics, metrics_collector

__all__ = [
    "AggregatedMetrics",
    "EventBus",
    "MetricsCollector",
    "ProcessMetrics",
    "event_bus",
    "metrics_collector",
]
