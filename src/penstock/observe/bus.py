"""The bus that events about runs go over: whoever subscribes is called with each, as a flat dict.

- Handlers are functions, coroutine functions or callable objects, and are called in the order in which they subscribed, each
  with a dict of its own. One that fails is logged, and hurts neither the others nor the run.
- What the engine tells, and what is published, starts handlers inline: see `penstock.observe.subscriber`.
- Any thread and any event loop may subscribe, publish and emit.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from itertools import count
from typing import TYPE_CHECKING, Any, Final

from penstock.errors import InputError
from penstock.model.wording import shown
from penstock.observe import attending
from penstock.observe.subscriber import Callback, Subscriber
from penstock.observe.told import Told, event_of

if TYPE_CHECKING:
    import asyncio

KEPT_EVENTS: Final = 1_000
ALL: Final = "*"


class EventBus:
    """`history` is how many events `get_events` knows of. `watched` is told whether anybody subscribes, as that changes."""

    def __init__(
        self, history: int = KEPT_EVENTS, *, watched: Callable[[bool], object] | None = None
    ) -> None:
        self._history: deque[Told | dict[str, Any]] = deque(maxlen=history)
        self._subscribers: tuple[Subscriber, ...] = ()
        self._by_type: dict[str, tuple[Subscriber, ...]] = {}
        self._events = count()  # counts in one step, which no thread can come between
        self._watched = watched
        self._lock = threading.Lock()
        self._looking = threading.Lock()

    # Who listens

    def subscribe(self, event_type: str, callback: Callback) -> None:
        """Have `callback(event)` called for each event of a type; "*" for all."""
        if not callable(callback):
            raise InputError(
                f"a subscriber to {event_type!r} must be a function or a callable object, not {shown(callback)}"
            )
        with self._lock:
            self._subscribers = (*self._subscribers, Subscriber(event_type, callback))
            self._by_type = {}
        self._look()

    def unsubscribe(self, event_type: str, callback: Callback) -> None:
        """Call it for that type no more; one that never subscribed is no error."""
        with self._lock:
            for found in self._subscribers:
                if found.type == event_type and found.callback == callback:
                    self._subscribers = tuple(each for each in self._subscribers if each is not found)
                    self._by_type = {}
                    found.close()
                    break
        self._look()

    def _look(self) -> None:
        """Say whether anybody listens."""
        if self._watched is not None:
            with self._looking:
                self._watched(bool(self._subscribers))

    # What is told

    async def emit(self, event: Mapping[str, Any]) -> None:
        """Tell of an event, and return when all handlers have run."""
        kind = self._keep(event)
        waiting: list[asyncio.Future[Any]] = []
        for subscriber in self._heard(kind):
            later = subscriber.run(dict(event))
            if later is not None:
                waiting.append(later)
        if waiting:
            import asyncio

            await asyncio.wait(waiting)

    def publish(self, event: Mapping[str, Any]) -> None:
        """Tell of an event as the engine does: handlers are started inline, and none is waited for that takes its time."""
        for subscriber in self._heard(self._keep(event)):
            subscriber.start(dict(event))

    def hear(self, told: Told) -> None:
        """The engine's way in: see penstock.observe.told.Sink."""
        next(self._events)
        self._history.append(told)
        heard = self._by_type.get(told.type)
        if heard is None:
            heard = self._heard(told.type)
        if heard:
            event = event_of(told)
            for subscriber in heard[1:]:
                subscriber.start(event.copy())
            heard[0].start(event)

    def flush(self, seconds: float = 5.0) -> bool:
        """Wait for handlers that are still at work, so many seconds at most; whether all had ended. Not on an event loop."""
        end = time.monotonic() + seconds
        idle = [each.flush(max(0.0, end - time.monotonic())) for each in self._subscribers]
        return all(idle)

    # What was told

    def get_events(self, event_type: str | None = None, limit: int | None = None) -> list[dict[str, Any]]:
        """The last events, oldest first: of one type, so many of the newest, or all that are kept."""
        kept = [each for each in self._all_kept() if event_type in (None, ALL, _type_of(each))]
        newest = kept if limit is None else kept[max(0, len(kept) - limit) :]
        return [event_of(each) if isinstance(each, Told) else dict(each) for each in newest]

    def clear_history(self) -> None:
        """Forget the events that are kept."""
        self._history.clear()

    def get_stats(self) -> dict[str, Any]:
        """Figures: events so far and kept, subscribers by type; of these: calls, failures, waiting and dropped events."""
        subscribers = self._subscribers
        by_type: dict[str, int] = {}
        for each in subscribers:
            by_type[each.type] = by_type.get(each.type, 0) + 1
        return {
            "total_events": _reached(self._events),
            "subscribers": by_type,
            "total_subscribers": len(subscribers),
            "history": len(self._history),
            "calls": sum(each.calls for each in subscribers),
            "failures": sum(each.failures for each in subscribers),
            "slow": sum(each.slow for each in subscribers),
            "waiting": sum(each.waiting for each in subscribers),
            "dropped": sum(each.dropped for each in subscribers),
        }

    def _keep(self, event: Mapping[str, Any]) -> str:
        kind = event.get("type") if hasattr(event, "get") else None
        if not isinstance(kind, str) or not kind:
            raise InputError(
                f"an event is a dict with a 'type', such as 'process.started'; this is {shown(event)}"
            )
        next(self._events)
        self._history.append(dict(event))
        return kind

    def _heard(self, kind: str) -> tuple[Subscriber, ...]:
        """Who hears of events of a type."""
        found = self._by_type.get(kind)
        if found is None:
            with self._lock:
                found = tuple(each for each in self._subscribers if each.type in (kind, ALL))
                if len(self._by_type) < KEPT_EVENTS:
                    self._by_type[kind] = found
        return found

    def _all_kept(self) -> list[Told | dict[str, Any]]:
        while True:
            try:
                return list(self._history)
            except RuntimeError:  # another thread told of something meanwhile
                continue


def _reached(counter: count[int]) -> int:
    """How far a counter is, which only its name tells: count(3)."""
    return int(repr(counter)[6:-1])


def _type_of(kept: Told | dict[str, Any]) -> Any:
    return kept.type if isinstance(kept, Told) else kept["type"]


def _attend(on: bool) -> None:
    if on or event_bus in _always:
        attending.attend(event_bus.hear)
    else:
        attending.neglect(event_bus.hear)


event_bus = EventBus(watched=_attend)
"""The process's own. While somebody subscribes, every engine of the process tells it of its runs."""

_always: set[EventBus] = set()


def listen() -> None:
    """Let the process's bus be told of all runs from now on, though nobody subscribes: `get_events` knows of them."""
    _always.add(event_bus)
    attending.attend(event_bus.hear)
