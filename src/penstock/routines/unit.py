"""A routine: an object with slots, whose handlers take messages in, events, which send them out, and a state of its own."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from penstock.context import current
from penstock.errors import DefinitionError
from penstock.model.wording import guess
from penstock.routines.emitting import emit
from penstock.routines.strategies import ErrorHandler, ErrorStrategy
from penstock.routines.wiring import Event, Merge, Slot, WhenFull

_counting = threading.Lock()


class Routine:
    """Subclass it, define slots and events in `__init__`, and emit in handlers.

    Its state is `_stats`, `_config` and the attributes named by `add_serializable_fields`: a durable job records what changed
    of it together with each activation, and restores it. Where several jobs, or the threads of a concurrent flow, use one
    routine, they share that state; with `exclusive = True` its activations in one job never overlap.
    """

    exclusive = False
    begins_by_call = True
    """Whether a `__call__` that a subclass defines is where jobs begin."""

    def __init__(self) -> None:
        self._slots: dict[str, Slot] = {}
        self._events: dict[str, Event] = {}
        self._stats: dict[str, Any] = {}
        self._config: dict[str, Any] = {}
        self._fields: list[str] = []
        self._error_handler: ErrorHandler | None = None
        self.flow: Any = None  # the one it belongs to
        self.revision = 0

    def __call__(self, **params: Any) -> None:
        """What an entry does with its parameters. A subclass that defines it needs no slot to begin a job."""

    @property
    def has_call(self) -> bool:
        """Whether its author gave it a `__call__`."""
        return self.begins_by_call and type(self).__call__ is not Routine.__call__

    # What it takes in and sends out

    def define_slot(
        self,
        name: str,
        handler: Callable[..., Any] | None = None,
        merge_strategy: Merge = "override",
        *,
        capacity: int | None = None,
        when_full: WhenFull = "wait",
    ) -> Slot:
        """A place where messages come in. See Slot, and penstock.routines.binding for how the handler is called."""
        self._check_name(name, self._slots, "slot")
        slot = self._slots[name] = Slot(name, self, handler, merge_strategy, capacity, when_full)
        self.revision += 1
        return slot

    def define_event(
        self, name: str, output_params: Iterable[str] | Mapping[str, type] | None = None
    ) -> Event:
        """Something it sends out, with the names of the parameters it will have, and their types where a mapping gives them."""
        self._check_name(name, self._events, "event")
        event = self._events[name] = Event(name, self, output_params)
        self.revision += 1
        return event

    def emit(self, event_name: str, /, **data: Any) -> None:
        """Send parameters to every slot that the event is connected to, as soon as the handler that emits has returned.

        What a handler emitted is dropped if it raises.
        """
        context = current()
        if context is not None and context.own is not None and event_name in self._events:
            context.own.append((self._events[event_name], data))
        else:
            emit(self.event(event_name), data)

    @property
    def slots(self) -> dict[str, Slot]:
        """Its slots by name."""
        return dict(self._slots)

    @property
    def events(self) -> dict[str, Event]:
        """Its events by name."""
        return dict(self._events)

    def get_slot(self, name: str) -> Slot | None:
        """A slot by name, or None."""
        return self._slots.get(name)

    def get_event(self, name: str) -> Event | None:
        """An event by name, or None."""
        return self._events.get(name)

    def slot(self, name: str) -> Slot:
        """A slot by name. Raises DefinitionError for one that is not there."""
        return self._slots.get(name) or _raise(_unknown(self, "slot", name, self._slots))

    def event(self, name: str) -> Event:
        """An event by name. Raises DefinitionError for one that is not there."""
        return self._events.get(name) or _raise(_unknown(self, "event", name, self._events))

    def _check_name(self, name: Any, known: dict[str, Any], kind: str) -> None:
        if not isinstance(name, str) or not name:
            raise DefinitionError(f"a {kind} of {type(self).__name__} needs a name, not {name!r}")
        if name in known:
            raise DefinitionError(
                f"{type(self).__name__} has a {kind} {name!r} already: give this one another name"
            )

    # What it counts, and its settings

    def stats(self) -> dict[str, Any]:
        """What its author counts: a copy."""
        return dict(self._stats)

    def set_stat(self, key: str, value: Any) -> None:
        """Set one number, or whatever it counts in."""
        self._stats[key] = value

    def get_stat(self, key: str, default: Any = None) -> Any:
        """One of `stats()`."""
        return self._stats.get(key, default)

    def increment_stat(self, key: str, amount: float = 1) -> Any:
        """Add to one number, from any thread; the new one."""
        with _counting:
            found = self._stats[key] = self._stats.get(key, 0) + amount
        return found

    def reset_stats(self, keys: Iterable[str] | None = None) -> None:
        """Forget these, or all."""
        for key in list(self._stats if keys is None else keys):
            self._stats.pop(key, None)

    def set_config(self, **settings: Any) -> None:
        """Set settings, which are part of its state."""
        self._config.update(settings)

    def get_config(self, key: str, default: Any = None) -> Any:
        """One setting."""
        return self._config.get(key, default)

    def config(self) -> dict[str, Any]:
        """Its settings: a copy."""
        return dict(self._config)

    # What is recorded of it

    def add_serializable_fields(self, names: Iterable[str]) -> None:
        """Attributes that belong to its state, beside `_stats` and `_config`."""
        self._fields = list(dict.fromkeys([*self._fields, *names]))

    def remove_serializable_fields(self, names: Iterable[str]) -> None:
        """Attributes that belong to its state no more."""
        gone = set(names)
        self._fields = [name for name in self._fields if name not in gone]

    @property
    def serializable_fields(self) -> list[str]:
        """The attributes that make its state."""
        return ["_stats", "_config", *self._fields]

    # When it fails

    def set_error_handler(self, error_handler: ErrorHandler | None) -> None:
        """What becomes of a job when an activation of this routine fails; None: what its flow says."""
        if error_handler is not None and not isinstance(error_handler, ErrorHandler):
            raise DefinitionError(f"an error handler must be an ErrorHandler, not {error_handler!r}")
        self._error_handler = error_handler

    def get_error_handler(self) -> ErrorHandler | None:
        """Its own error handler, if it has one."""
        return self._error_handler

    def set_as_optional(self, strategy: ErrorStrategy | str = ErrorStrategy.CONTINUE) -> None:
        """Let jobs go on where it fails."""
        self.set_error_handler(ErrorHandler(strategy))

    def set_as_critical(
        self, max_retries: int = 3, retry_delay: float = 1.0, retry_backoff: float = 2.0
    ) -> None:
        """Try it again where it fails; what remains fails the job."""
        retry = ErrorStrategy.RETRY
        self.set_error_handler(ErrorHandler(retry, max_retries, retry_delay, retry_backoff, is_critical=True))

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {len(self._slots)} slots, {len(self._events)} events>"


def _unknown(routine: Routine, kind: str, name: str, known: dict[str, Any]) -> DefinitionError:
    return DefinitionError(f"{type(routine).__name__} has no {kind} {name!r}; {guess(name, known, 'it has')}")


def _raise(error: Exception) -> Any:
    raise error
