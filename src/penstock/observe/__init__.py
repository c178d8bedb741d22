"""What people and tools see of runs: events to subscribe to, metrics, Prometheus text, spans. Names load when first used."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from penstock.observe.attending import attend, neglect
    from penstock.observe.bus import EventBus, event_bus
    from penstock.observe.told import Told, event_of

__all__ = ["EventBus", "Told", "attend", "event_bus", "event_of", "neglect"]

_PLACES = {
    "EventBus": "penstock.observe.bus",
    "Told": "penstock.observe.told",
    "attend": "penstock.observe.attending",
    "event_bus": "penstock.observe.bus",
    "event_of": "penstock.observe.told",
    "neglect": "penstock.observe.attending",
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
