"""A durable function that is no coroutine: it runs on a thread of its own, which stands still wherever it waits.

The thread is resumed as a coroutine is, one at a time with the driver, so nothing runs beside anything. It lives only while its
run is in memory, and holds the play it belongs to by a weak reference: a play that is dropped ends its thread.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from contextvars import copy_context
from queue import Empty, SimpleQueue
from typing import Any, Final
from weakref import ref

from penstock.errors import FunctionStopped
from penstock.functions.handles import Body, Handle
from penstock.functions.program import FunctionPlay
from penstock.model.calling import Call, enter
from penstock.model.program import Program

STOP_SECONDS: Final = 5.0
"""How long a function that is stopped may clean up before it is left behind."""


def thread(play: FunctionPlay, fn: Callable[..., Any], inputs: Mapping[str, Any]) -> Body:
    """Begins a function that is not async. See program.Opening."""
    channel = _Channel()
    return _Threaded(fn, inputs, Blocking(play, channel), channel)


class _Ended:
    """A thread has ended, with a value or an exception."""

    def __init__(self, value: Any, error: BaseException | None) -> None:
        self.value = value
        self.error = error


class _Channel:
    """Between the two threads: one waits while the other runs."""

    def __init__(self) -> None:
        self.waits: SimpleQueue[Handle[Any] | _Ended] = SimpleQueue()
        self.goes_on: SimpleQueue[BaseException | None] = SimpleQueue()
        self.stopped: BaseException | None = None


class _Threaded:
    """See Body."""

    def __init__(
        self, fn: Callable[..., Any], inputs: Mapping[str, Any], asked: Blocking, channel: _Channel
    ) -> None:
        self._work = (fn, inputs, asked, channel)
        self._channel = channel
        self._thread: threading.Thread | None = None

    def send(self, value: None, /) -> Any:
        """Resume it, until it waits or ends."""
        if self._thread is None:
            name = f"penstock-{self._work[0].__name__}"
            run = copy_context().run  # the author's own variables are known there too
            self._thread = threading.Thread(target=run, args=(_work, *self._work), name=name, daemon=True)
            self._thread.start()
        else:
            self._channel.goes_on.put(None)
        return _said(self._channel.waits.get())

    def throw(self, error: BaseException, /) -> Any:
        """Have it raise an exception where it waits."""
        if self._thread is None:
            raise error
        self._end(error)
        try:
            return _said(self._channel.waits.get(timeout=STOP_SECONDS))
        except Empty:
            raise error from None

    def close(self) -> None:
        """End it, without waiting for its end."""
        if self._thread is not None:
            self._end(FunctionStopped("its run left this process"))

    def _end(self, error: BaseException) -> None:
        self._channel.stopped = error
        self._channel.goes_on.put(error)


def _said(what: Handle[Any] | _Ended) -> Handle[Any]:
    if isinstance(what, Handle):
        return what
    if what.error is None:
        raise StopIteration(what.value)
    raise what.error


def _work(fn: Callable[..., Any], inputs: Mapping[str, Any], asked: Blocking, channel: _Channel) -> None:
    enter(asked)
    try:
        ended = _Ended(fn(**inputs), None)
    except StopIteration as error:
        ended = _Ended(None, RuntimeError(f"the function raised StopIteration({error})"))
    except BaseException as error:
        ended = _Ended(None, error)
    channel.waits.put(ended)


class Blocking:
    """Who is asked for calls on such a thread: each waits for its value. See Caller."""

    def __init__(self, play: FunctionPlay, channel: _Channel) -> None:
        self._play = ref(play)
        self._channel = channel

    def call(self, call: Call, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
        """See Caller."""
        return self.wait(self.play().call(call, args, kwargs))

    def open(self, program: Program, input: Any) -> Any:
        """See Caller."""
        return self.wait(self.play().open(program, input))

    def play(self) -> FunctionPlay:
        """What is asked; not to be held on to."""
        play = self._play()
        if play is None or self._channel.stopped is not None:
            raise self._channel.stopped or FunctionStopped("its run left this process")
        return play

    def wait(self, handle: Handle[Any]) -> Any:
        """The handle's value, as soon as it has one."""
        handle.taken = True
        if not handle.settled:
            self._channel.waits.put(handle)
            error = self._channel.goes_on.get()
            if error is not None:
                raise error
        return handle.take()

    give = wait
