"""The event bus. See penstock.observe.bus."""

from penstock.observe.bus import EventBus, event_bus

__all__ = ["EventBus", "event_bus"]
