"""Metrics of processes, collected from the import of this module on. See penstock.observe.metrics."""

from penstock.observe.metrics import AggregatedMetrics, MetricsCollector, ProcessMetrics, metrics_collector

__all__ = ["AggregatedMetrics", "MetricsCollector", "ProcessMetrics", "metrics_collector"]
