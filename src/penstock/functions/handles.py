"""What a function waits for: handles on steps, on several at once, on whichever comes first, on coroutines of its own.

A handle is settled once, with a value or an exception, and then wakes whoever waits for it, in order. It knows nothing of the
play it belongs to, so that a suspended function does not keep its play alive.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from typing import Any, Generic, NamedTuple, Protocol, TypeVar

from penstock.errors import FunctionStopped, UserError
from penstock.model.calling import caller

T = TypeVar("T")


class Scheduler(Protocol):
    """What a handle that wakes others needs of its play."""

    def settle(self, handle: Handle[Any], value: Any, error: BaseException | None) -> None: ...
    def stop(self, handle: Handle[Any]) -> None: ...
    def soon(self, strand: Strand) -> None: ...


class Body(Protocol):
    """A function under way: a coroutine, or a thread that is resumed like one."""

    def send(self, value: None, /) -> Any: ...
    def throw(self, error: BaseException, /) -> Any: ...
    def close(self) -> None: ...


class Handle(Generic[T]):
    """Something a function asked for that will have a value: `await` it, `gather` it, let it `race`."""

    __slots__ = ("error", "key", "settled", "taken", "value", "waiters")

    def __init__(self, key: str) -> None:
        self.key = key
        self.settled = False
        self.taken = False  # somebody has waited for it, or does
        self.value: Any = None
        self.error: BaseException | None = None
        self.waiters: tuple[Any, ...] = ()

    def __await__(self) -> Generator[Handle[Any], None, T]:
        self.taken = True
        if not self.settled:
            who = caller()
            if who is None or type(who) is Stopped:
                raise _out_of_place(self, who)
            yield self
        return self.take()

    def result(self) -> T:
        """Its value, waited for, in a function that is no coroutine; there `await` is not to be had."""
        if self.settled:
            self.taken = True
            return self.take()
        wait = getattr(caller(), "wait", None)
        if wait is None:
            raise UserError(
                f"{self!r} is not there yet: await it (result() waits in functions that are not async)"
            )
        return wait(self)  # type: ignore[no-any-return]

    def take(self) -> T:
        """The value, or the exception raised."""
        if self.error is not None:
            raise self.error
        return self.value  # type: ignore[no-any-return]

    def parts(self) -> Sequence[Handle[Any]]:
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


def _out_of_place(handle: Handle[Any], who: Any) -> BaseException:
    """Either its function is being ended, or it was carried out of it."""
    if who is not None or handle.waiters:
        return FunctionStopped(f"{handle.key!r} is waited for by a function that is being ended")
    return UserError(f"{handle!r} can only be awaited in the durable function that asked for it")


class Converted(Handle[T]):
    """A handle whose value is made of what came: `convert` is given it."""

    __slots__ = ("convert",)

    def __init__(self, key: str, convert: Callable[[Any], T]) -> None:
        super().__init__(key)
        self.convert = convert

    def take(self) -> T:
        """See Handle.take."""
        return self.convert(super().take())


class Gathered(Handle[list[Any]]):
    """All values, in order, as soon as all are there; the first exception as soon as there is one."""

    __slots__ = ("_all", "_left", "_parts")

    def __init__(self, parts: Sequence[Handle[Any]], *, exceptions: bool) -> None:
        super().__init__("gather")
        self._parts = parts
        self._left = len(parts)
        self._all = exceptions

    def wake(self, part: Handle[Any], play: Scheduler) -> None:
        """One of them has settled."""
        if self.settled:
            return
        self._left -= 1
        try:
            part.take()
        except BaseException as error:
            if not self._all:
                play.settle(self, None, error)
                return
        if not self._left:
            play.settle(self, [_outcome(each) for each in self._parts], None)

    def parts(self) -> Sequence[Handle[Any]]:
        """See Handle.parts."""
        return self._parts


def _outcome(part: Handle[Any]) -> Any:
    """The value, or the exception in its place."""
    try:
        return part.take()
    except BaseException as error:
        return error


class Winner(NamedTuple):
    """Who won a race: which of its arguments, counted from 0, and its value."""

    place: int
    value: Any


class Raced(Handle[Winner]):
    """The first to settle; the others are stopped."""

    __slots__ = ("_parts",)

    def __init__(self, parts: Sequence[Handle[Any]]) -> None:
        super().__init__("race")
        self._parts = parts

    def wake(self, part: Handle[Any], play: Scheduler) -> None:
        """One of them has settled."""
        if self.settled:
            return
        place = next(number for number, each in enumerate(self._parts) if each is part)
        try:
            won = Winner(place, part.take())
        except BaseException as error:
            play.settle(self, None, error)
        else:
            play.settle(self, won, None)
        for other in self._parts:
            if other is not part:
                play.stop(other)

    def parts(self) -> Sequence[Handle[Any]]:
        """See Handle.parts."""
        return self._parts


class Strand(Handle[Any]):
    """A coroutine under way, settled with what it returns or raises; `waits` is what it waits for."""

    __slots__ = ("body", "waits")

    def __init__(self, key: str, body: Body) -> None:
        super().__init__(key)
        self.body = body
        self.waits: Handle[Any] | None = None

    def wake(self, part: Handle[Any], play: Scheduler) -> None:
        """What it waits for has settled."""
        play.soon(self)

    def parts(self) -> Sequence[Handle[Any]]:
        """See Handle.parts."""
        return () if self.waits is None else (self.waits,)
