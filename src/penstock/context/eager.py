"""Coroutines that begin at once and become an asyncio.Task only when they really suspend.

A Task costs 5 us and a turn of the loop; most short steps never suspend. Python 3.12 has this built in (`eager_start`); on 3.11
the coroutine is begun by hand, with two guards:

- Inside it `current_task()` is a stand-in, before and after it suspends, that becomes the Task when somebody looks at it:
  without it `asyncio.timeout` or a TaskGroup inside the step would cancel whoever began it.
- The Task goes on in the contextvars context in which the coroutine began, and yields once more the future that was yielded.
"""

from __future__ import annotations

import sys
from asyncio import AbstractEventLoop, Task
from collections.abc import Coroutine
from contextvars import copy_context
from sys import getrefcount
from typing import Any, TypeVar

if sys.version_info < (3, 12):
    from asyncio.tasks import _current_tasks  # type: ignore[attr-defined]  # what current_task() reads

T = TypeVar("T")
_OWN_REFERENCES = 2
"""Those to an object that only a local variable and the call that counts them refer to."""


def begin(coro: Coroutine[Any, Any, T], loop: AbstractEventLoop) -> tuple[T | None, Task[T] | None]:
    """Run a coroutine to its first suspension, on the running loop's own thread: (its result, None) or (None, its Task).

    Raises what the coroutine raises before it suspends.
    """
    if sys.version_info >= (3, 12):
        task = Task(coro, loop=loop, context=copy_context(), eager_start=True)
        return (task.result(), None) if task.done() else (None, task)
    standin = _StandIn(coro, loop)
    before = _current_tasks.get(loop)
    _current_tasks[loop] = standin
    try:
        standin.first = standin.context.run(coro.send, None)
    except StopIteration as stop:
        if getrefcount(standin) > _OWN_REFERENCES + 1:  # the other is among the current tasks
            # somebody keeps the stand-in. The error itself has frames that hold it: a cycle
            standin.first = StopIteration(stop.value)
        return stop.value, None
    finally:
        if before is None:
            del _current_tasks[loop]
        else:
            _current_tasks[loop] = before
    if standin.first is None and getrefcount(standin) == _OWN_REFERENCES:
        # It gave a turn of the loop away, and nobody has seen the stand-in: the Task may drive the coroutine itself.
        return None, Task(coro, loop=loop, context=standin.context)
    return None, standin.become_task()


class _StandIn:
    """What `current_task()` is inside a coroutine begun by hand: equal to its Task, and the Task in all but identity."""

    __slots__ = ("__weakref__", "context", "coro", "first", "loop", "task")

    def __init__(self, coro: Coroutine[Any, Any, Any], loop: AbstractEventLoop) -> None:
        self.coro = coro
        self.loop = loop
        self.context = copy_context()
        self.first: Any = (
            None  # what the coroutine yielded when it was begun, or the StopIteration with which it ended
        )
        self.task: Task[Any] | None = None

    def become_task(self) -> Task[Any]:
        """The Task, made now unless somebody has looked at it before."""
        if self.task is None:
            self.task = Task(_Rest(self), loop=self.loop, context=self.context)
        return self.task

    @property  # type: ignore[misc]
    def __class__(self) -> type:
        return Task

    def get_coro(self) -> Any:
        return self.coro

    def __getattr__(self, name: str) -> Any:
        return getattr(self.become_task(), name)

    def __eq__(self, other: object) -> bool:
        return other is self or other is self.become_task()

    def __hash__(self) -> int:
        return hash(self.become_task())


class _Rest(Coroutine[Any, Any, Any]):
    """The rest of a coroutine that was begun by hand, as its Task drives it."""

    def __init__(self, standin: _StandIn) -> None:
        self.standin = standin
        self.begun = False

    def send(self, value: Any) -> Any:
        if self.begun:
            return self._step(self.standin.coro.send, value)
        self.begun = True
        first = self.standin.first
        if isinstance(first, StopIteration):
            raise first
        if first is None:  # `sleep(0)`: the turn of the loop it gave away has passed
            return self._step(self.standin.coro.send, None)
        first._asyncio_future_blocking = True
        return first

    def throw(self, *error: Any) -> Any:
        first = self.standin.first
        if not self.begun and first is not None:  # cancelled before its first turn, so is what it waits for
            self.begun = True
            if isinstance(first, StopIteration):
                raise first
            if first.cancel():
                first._asyncio_future_blocking = True
                return first
        self.begun = True
        return self._step(self.standin.coro.throw, *error)

    def _step(self, resume: Any, *args: Any) -> Any:
        """Go on with the coroutine, the stand-in being the current task."""
        loop = self.standin.loop
        task = _current_tasks[loop]
        _current_tasks[loop] = self.standin
        try:
            return resume(*args)
        finally:
            _current_tasks[loop] = task

    def close(self) -> None:
        self.standin.coro.close()

    def __await__(self) -> Any:
        raise RuntimeError("only a Task drives this")
