"""Tells how a run's tasks get on: the callbacks of its tasks, and whoever keeps their states.

What is told was recorded before. A map's own events are its items'; it is told of as one task.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from penstock.model import events as e
from penstock.tasks.statuses import TaskStatus, status_of_step

if TYPE_CHECKING:
    from penstock.app import Engine
    from penstock.app.run import Run
    from penstock.tasks.work import Work

Tell = Callable[[str, TaskStatus, Any], object]
"""(task, status, value or failure): raises nothing."""

_ENDS: Mapping[type, TaskStatus] = {
    e.StepDone: TaskStatus.COMPLETED,
    e.StepReused: TaskStatus.COMPLETED,
    e.StepFailed: TaskStatus.FAILED,
    e.StepSkipped: TaskStatus.SKIPPED,
    e.StepCancelled: TaskStatus.CANCELLED,
}
_SETTLED = frozenset(_ENDS.values())


class Listener:
    """Hears one run's events and tells each change of a task's status once. `tasks` are those that are told of, by step."""

    def __init__(self, tasks: Mapping[str, Work], tell: Tell | None = None) -> None:
        self._tasks = tasks
        self._tell = tell
        self._last: dict[str, TaskStatus] = {}

    def hear(self, run: Run[Any], event: e.Event) -> None:
        """The run's next event."""
        name = getattr(event, "step", None)
        if name is None or name not in self._tasks:
            return
        task = self._tasks[name]
        kind = type(event)
        if kind is e.StepStarted:
            self._change(task, name, TaskStatus.RUNNING, None)
        elif kind is e.StepFailed and event.retry_at is not None:  # type: ignore[union-attr] # its kind was asked for
            _call(task, "on_retry", task.name, event.attempt)  # type: ignore[union-attr]
        elif getattr(event, "item", None) is not None:
            self._map_may_have_ended(run, task, name)
        elif kind in _ENDS:
            said = getattr(event, "value", None) if kind is not e.StepFailed else event.error  # type: ignore[union-attr]
            self._change(task, name, _ENDS[kind], said)

    def _map_may_have_ended(self, run: Run[Any], task: Work, name: str) -> None:
        view = run.steps[name]
        status = status_of_step(view.status)
        if status in _SETTLED:
            self._change(task, name, status, view.result if status is TaskStatus.COMPLETED else view.error)

    def _change(self, task: Work, name: str, status: TaskStatus, said: Any) -> None:
        last = self._last.get(name)
        if last is not status and last not in _SETTLED:
            self._last[name] = status
            if self._tell is not None:
                self._tell(name, status, said)
            _call(task, "on_status_change", task.name, status)


class Transitions:
    """The observer of one engine that hands each run's events to its listener."""

    def __init__(self, engine: Engine) -> None:
        self._holdings = engine.holdings
        self._listeners: WeakKeyDictionary[Run[Any], Listener] = WeakKeyDictionary()

    def add(self, run: Run[Any], listener: Listener) -> None:
        self._listeners[run] = listener

    def recorded(self, run: str, workflow: str, sequence: int, at: float, event: e.Event) -> None:
        """See Observer.recorded."""
        held = self._holdings.get(run)
        listener = None if held is None else self._listeners.get(held.handle)
        if held is not None and listener is not None:
            listener.hear(held.handle, event)


_transitions: WeakKeyDictionary[Engine, Transitions] = WeakKeyDictionary()
_lock = threading.Lock()


def listen(engine: Engine, run: Run[Any], listener: Listener) -> None:
    """Let a run that is about to begin be heard."""
    with _lock:
        found = _transitions.get(engine)
        if found is None:
            found = _transitions[engine] = Transitions(engine)
            engine.observers.append(found)
    found.add(run, listener)


def _call(task: Work, callback: str, *told: Any) -> None:
    """Call a task's callback; one that raises is logged, the run goes on."""
    fn = task.options.get(callback)
    if fn is not None:
        try:
            fn(*told)
        except Exception:
            import logging

            logging.getLogger("penstock").exception(
                "%s of task %r raised; the run goes on", callback, task.name
            )
