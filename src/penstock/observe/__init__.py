"""What people and tools see of runs: events to subscribe to, metrics, Prometheus text, spans. Names load when first used."""

from penstock.lazily import offered

TYPE_CHECKING = False
if TYPE_CHECKING:
    from penstock.observe.attending import attend, neglect
    from penstock.observe.bus import EventBus, event_bus
    from penstock.observe.collector import MetricsCollector
    from penstock.observe.exposition import prometheus
    from penstock.observe.figures import AggregatedMetrics, ProcessMetrics
    from penstock.observe.metrics import metrics_collector
    from penstock.observe.told import Told, event_of
    from penstock.observe.tracing import trace

__all__ = [
    "AggregatedMetrics",
    "EventBus",
    "MetricsCollector",
    "ProcessMetrics",
    "Told",
    "attend",
    "collect",
    "event_bus",
    "event_of",
    "metrics_collector",
    "neglect",
    "prometheus",
    "trace",
]

__getattr__ = offered(
    __name__,
    {
        "AggregatedMetrics": ".figures",
        "EventBus": ".bus",
        "MetricsCollector": ".collector",
        "ProcessMetrics": ".figures",
        "Told": ".told",
        "attend": ".attending",
        "event_bus": ".bus",
        "event_of": ".told",
        "metrics_collector": ".metrics",
        "neglect": ".attending",
        "prometheus": ".exposition",
        "trace": ".tracing",
    },
    keep=False,  # the globals may be replaced where they live
)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


def collect() -> None:
    """From now on, measure all runs of this process, and keep the last events, whether or not anybody subscribes."""
    from penstock.observe import bus, metrics

    assert metrics.metrics_collector is not None
    bus.listen()
