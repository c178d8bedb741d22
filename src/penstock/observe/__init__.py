"""What people and tools see of runs: events to subscribe to, metrics, Prometheus text, spans. Names load when first used."""

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

_PLACES = {
    "AggregatedMetrics": "penstock.observe.figures",
    "EventBus": "penstock.observe.bus",
    "MetricsCollector": "penstock.observe.collector",
    "ProcessMetrics": "penstock.observe.figures",
    "Told": "penstock.observe.told",
    "attend": "penstock.observe.attending",
    "event_bus": "penstock.observe.bus",
    "event_of": "penstock.observe.told",
    "metrics_collector": "penstock.observe.metrics",
    "neglect": "penstock.observe.attending",
    "prometheus": "penstock.observe.exposition",
    "trace": "penstock.observe.tracing",
}


def __getattr__(name: str) -> object:
    from importlib import import_module

    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(
        import_module(_PLACES[name]), name
    )  # not kept here: the globals may be replaced where they live


def __dir__() -> list[str]:
    return sorted([*globals(), *_PLACES])


def collect() -> None:
    """From now on, measure all runs of this process, and keep the last events, whether or not anybody subscribes."""
    from penstock.observe import bus, metrics

    assert metrics.metrics_collector is not None
    bus.listen()
