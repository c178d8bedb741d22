"""The process's own collector: from the import of this module on, it is told of the runs of every engine."""

from __future__ import annotations

from penstock.observe.attending import attend
from penstock.observe.collector import MetricsCollector
from penstock.observe.figures import AggregatedMetrics, ProcessMetrics

__all__ = ["AggregatedMetrics", "MetricsCollector", "ProcessMetrics", "metrics_collector"]

metrics_collector = MetricsCollector()
attend(metrics_collector.hear)
