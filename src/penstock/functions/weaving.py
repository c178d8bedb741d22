"""Several coroutines in one play: how they are woken, wait for one another, and are stopped.

A suspended function belongs to `_suspended`, not to its play: else the garbage collector could end it, and run its `finally`
blocks, where a call of a task is no step.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from contextvars import copy_context
from typing import Any

from penstock.errors import DefinitionError, FunctionStopped, UserError
from penstock.functions.asking import Asking
from penstock.functions.handles import Body, Gathered, Handle, Raced, Stopped, Strand
from penstock.model.calling import enter, leave
from penstock.model.program import Stop

_suspended: dict[int, dict[Strand, None]] = {}
_LOOSE = 64


class Weaving(Asking):
    """The part of a play that has strands, the function itself among them; `ready` are those to be resumed, in order.

    `loose` are handles that nobody waited for when they were made or settled.
    """

    def __init__(self) -> None:
        super().__init__()
        self.strands: dict[Strand, None] = {}  # in order of age
        self.ready: deque[Strand] = deque()
        self.loose: list[Handle[Any]] = []
        self.ended = False
        self._most_loose = _LOOSE

    def suspend(self) -> None:
        """From now on what is suspended is kept from the garbage collector, until it is left."""
        _suspended[id(self)] = self.strands

    def gather(self, awaited: Sequence[Any], *, exceptions: bool = False) -> Handle[list[Any]]:
        parts = [self.as_handle(each) for each in awaited]
        return self._joined(Gathered("gather", parts=parts, exceptions=exceptions, left=len(parts)))

    def race(self, awaited: Sequence[Any]) -> Handle[Any]:
        return self._joined(Raced("race", parts=[self.as_handle(each) for each in awaited]))

    def as_handle(self, awaited: Any) -> Handle[Any]:
        """A handle; a coroutine becomes one by being driven beside the others."""
        if isinstance(awaited, Handle):
            return awaited
        if hasattr(awaited, "cr_await"):
            return self.spawn(awaited)
        raise DefinitionError(
            f"{awaited!r} cannot be waited for in a durable function: give what calls of tasks, sleep() or another"
            " async function return"
        )

    def woken(self) -> Strand | None:
        """The next coroutine to be resumed."""
        while self.ready and not self.ended:
            strand = self.ready.popleft()
            if not strand.settled:
                return strand
        return None

    # How handles settle. See Scheduler.

    def settle(self, handle: Handle[Any], value: Any, error: BaseException | None) -> None:
        handle.settled = True
        handle.value = value
        handle.error = error
        if not handle.waiters:
            self.keep(handle)
        for waiter in handle.waiters:
            waiter.wake(handle, self)

    def stop(self, handle: Handle[Any]) -> None:
        """Give something up, and all that it waits for."""
        handle.taken = True
        if handle.settled:
            return
        parts = handle.below()
        self.settle(handle, None, UserError(f"{handle.key!r} was stopped: it lost a race"))
        if self.handles.get(handle.key) is handle:
            del self.handles[handle.key]
            self.asks.append(Stop(handle.key))
        elif isinstance(handle, Strand):
            del self.strands[handle]
            _stop(handle, "it lost a race")
        for part in parts:
            self.stop(part)

    def _joined(self, joined: Gathered | Raced) -> Handle[Any]:
        parts = joined.parts
        if not parts:
            self.settle(joined, [], None)
        self.keep(joined)
        for part in parts:
            part.taken = True
            if part.settled:
                joined.wake(part, self)
            else:
                part.waiters = (*part.waiters, joined)
        return joined

    def spawn(self, body: Body) -> Strand:
        strand = Strand(getattr(body, "__qualname__", "a coroutine"), body=body, resume=body.send)
        self.strands[strand] = None
        self.ready.append(strand)
        return strand

    def keep(self, handle: Handle[Any]) -> None:
        """Remember what settled and is not waited for, until it is."""
        if not handle.taken:
            self.loose.append(handle)
            if len(self.loose) > self._most_loose:
                self.loose = [each for each in self.loose if not each.taken]
                self._most_loose = 64 + 2 * len(self.loose)

    # How it ends

    def close(self, why: str = "") -> None:
        """Raise FunctionStopped in whatever is suspended. See Play."""
        for strand in self.leave_all():
            _stop(strand, why or "its run was cancelled")

    def __del__(self) -> None:
        # In a context of its own: the garbage collector may come in the middle of a ContextVar.set(), which before Python 3.12
        # crashes when the context that it sets in changes under its hands.
        for strand in self.leave_all():
            copy_context().run(_abandon, strand)

    def leave_all(self) -> list[Strand]:
        """No function of this play is resumed again; those that are suspended, the youngest first."""
        self.ended = True
        return list(_suspended.pop(id(self), {}))[::-1]


_PATIENCE = 100
"""How many times a function that is being stopped may wait for something before it is left behind."""


def _stop(strand: Strand, why: str) -> None:
    """Raise FunctionStopped in a function, wherever it waits; what it raises in its turn has no one left to hear it."""
    token = enter(Stopped(why))
    try:
        for _ in range(_PATIENCE):
            strand.body.throw(FunctionStopped(why))
    except KeyboardInterrupt:
        raise
    except BaseException:  # it is over, however it ended
        return
    finally:
        leave(token)


def _abandon(strand: Strand) -> None:
    """End a function that nobody waits for, without waiting for its end."""
    token = enter(Stopped("its run left this process"))
    try:
        strand.body.close()
    except RuntimeError:  # it waits for something once more, though it was told that it is over
        return
    finally:
        leave(token)
