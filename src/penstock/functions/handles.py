"""What a function waits for: handles on steps, on several at once, on whichever comes first, on coroutines of its own.

A handle is settled once, with a value or an exception, and then wakes whoever waits for it, in order. It knows nothing of the
play it belongs to, so that a suspended function does not keep its play alive.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Sequence
from typing import Any, Generic, NamedTuple, Protocol, TypeVar

import msgspec

from penstock.errors import FunctionStopped, UserError
from penstock.model.calling import caller

T = TypeVar("T")


class Scheduler(Protocol):
    """What a handle that wakes others needs of its play."""

    ready: deque[Strand]

    def settle(self, handle: Handle[Any], value: Any, error: BaseException | None) -> None: ...
    def stop(self, handle: Handle[Any]) -> None: ...


class Body(Protocol):
    """A function under way: a coroutine, or a thread that is resumed like one."""

    def send(self, value: None, /) -> Any: ...
    def throw(self, error: BaseException, /) -> Any: ...
    def close(self) -> None: ...


class Handle(msgspec.Struct, Generic[T], eq=False, repr_omit_defaults=True):
    """Something a function asked for that will have a value: `await` it, `gather` it, let it `race`."""

    key: str
    settled: bool = False
    taken: bool = False  # somebody has waited for it, or does
    value: Any = None
    error: BaseException | None = None
    waiters: tuple[Any, ...] = ()

    def __await__(self) -> Generator[Handle[Any], None, T]:
        self.taken = True
        if not self.settled:
            yield self
        if self.error is not None:
            raise self.error
        return self.value  # type: ignore[no-any-return]

    def result(self) -> T:
        """Its value, waited for, in a function that is no coroutine; there `await` is not to be had."""
        if self.settled:
            return self.take()
        wait = getattr(caller(), "wait", None)
        if wait is None:
            raise UserError(
                f"{self!r} is not there yet: await it (result() waits in functions that are not async)"
            )
        return wait(self)  # type: ignore[no-any-return]

    def take(self) -> T:
        """The value, or the exception raised."""
        self.taken = True
        if self.error is not None:
            raise self.error
        return self.value  # type: ignore[no-any-return]

    def below(self) -> Sequence[Handle[Any]]:
        """What it waits for itself, which is stopped with it."""
        return ()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {self.key!r}{'' if self.settled else ', not settled'}>"


class Stopped:
    """Who is asked for steps in a function that is being stopped: nobody."""

    def __init__(self, why: str) -> None:
        self._why = why

    def __getattr__(self, name: str) -> Any:
        raise FunctionStopped(self._why)


class Converted(Handle[T], eq=False):
    """A handle whose value is made of what comes."""

    convert: Callable[[Any], T] = lambda value: value

    def give(self, value: Any) -> None:
        """Settle it with what came."""
        self.settled = True
        try:
            self.value = self.convert(value)
        except Exception as error:
            self.error = error


class Gathered(Handle[list[Any]], eq=False):
    """All values, in order, as soon as all are there; the first exception as soon as there is one."""

    parts: Sequence[Handle[Any]] = ()
    exceptions: bool = False
    left: int = 0

    def wake(self, part: Handle[Any], play: Scheduler) -> None:
        """One of them has settled."""
        if self.settled:
            return
        self.left -= 1
        if part.error is not None and not self.exceptions:
            play.settle(self, None, part.error)
        elif not self.left:
            play.settle(self, [each.value if each.error is None else each.error for each in self.parts], None)

    def below(self) -> Sequence[Handle[Any]]:
        """See Handle.below."""
        return self.parts


class Winner(NamedTuple):
    """Who won a race: which of its arguments, counted from 0, and its value."""

    place: int
    value: Any


class Raced(Handle[Winner], eq=False):
    """The first to settle; the others are stopped."""

    parts: Sequence[Handle[Any]] = ()

    def wake(self, part: Handle[Any], play: Scheduler) -> None:
        """One of them has settled."""
        if self.settled:
            return
        place = next(number for number, each in enumerate(self.parts) if each is part)
        play.settle(self, None if part.error is not None else Winner(place, part.value), part.error)
        for other in self.parts:
            if other is not part:
                play.stop(other)

    def below(self) -> Sequence[Handle[Any]]:
        """See Handle.below."""
        return self.parts


class Strand(Handle[Any], eq=False):
    """A coroutine under way, settled with what it returns or raises; `waits` is what it waits for."""

    body: Any = None
    resume: Callable[[None], Any] = lambda value: value
    waits: Handle[Any] | None = None

    def wake(self, part: Handle[Any], play: Scheduler) -> None:
        """What it waits for has settled."""
        play.ready.append(self)

    def below(self) -> Sequence[Handle[Any]]:
        """See Handle.below."""
        return () if self.waits is None else (self.waits,)
