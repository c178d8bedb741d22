"""A durable function as the engine plays it: what it awaits are steps, and it is driven without an event loop.

The play resumes the function when something it waits for has settled, until it waits again, and hands the engine what was asked
for meanwhile. Several coroutines may be under way in one play (`gather`, `race`); they go on in the order in which they were
woken. Told the same, a function does the same, so the log's results bring it back to where it was. Rules:

1. A step is named after its code; the second call of a name is `name-2`. What differs from the log differs by name.
2. A function that is stopped (cancelled, out of time, a race lost) may clean up, and start nothing: FunctionStopped is raised
   in it, and whatever it calls raises it again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

from penstock.errors import DefinitionError
from penstock.functions.foreign import refusal_of, without_loop
from penstock.functions.handles import Body, Handle, Strand
from penstock.functions.rebuilding import origin_below, origin_of, rebuilt
from penstock.functions.weaving import Weaving
from penstock.model.calling import Call, enter, leave
from penstock.model.continued import continued_as
from penstock.model.failure import Failure, failure_of
from penstock.model.policies import Policy
from penstock.model.program import Ask, Calls, Do, End, Fail, Plan, StepCode

Opening = Callable[["FunctionPlay", Callable[..., Any], Mapping[str, Any]], Body]
"""Begins a function: what is resumed."""


def coroutine(play: FunctionPlay, fn: Callable[..., Any], inputs: Mapping[str, Any]) -> Body:
    """Begins an async function."""
    body: Body = fn(**inputs)
    return body


class Continuing(BaseException):
    """Raised by a function that is to go on as a new run with these inputs."""

    def __init__(self, inputs: Mapping[str, Any]) -> None:
        super().__init__("continue_as_new must reach the end of the function: let it pass")
        self.inputs = inputs


_HERE: Final = Policy(executor="inline")
"""The next run is started on the thread that drives this one."""


class FunctionProgram(Plan):
    """Plays `fn(**input)`. `opening` begins it; `following` is the step that starts the run it goes on as."""

    def __init__(  # noqa: PLR0913 - one keyword a power
        self,
        name: str,
        fn: Callable[..., Any],
        *,
        opening: Opening = coroutine,
        following: Callable[..., Any] | None = None,
        hooks: Mapping[str, Do] | None = None,
        limit: int | None = None,
        timeout: float | None = None,
        calls: Calls | None = None,
    ) -> None:
        self.name = name
        self.fn = fn
        self.opening = opening
        self.following = following
        self.hooks = hooks or {}
        self.limit = limit
        self.timeout = timeout
        self.calls = calls or {}
        self.steps: Mapping[str, Callable[..., Any]] = {}  # the code of what it calls, by name

    def play(self, input: Any) -> FunctionPlay:
        return FunctionPlay(self, input or {})

    def codes(self) -> dict[str, StepCode]:
        """See Coded."""
        return {"": StepCode((self.fn,)), **{name: StepCode((fn,)) for name, fn in self.steps.items()}}


class FunctionPlay(Weaving):
    """See Play."""

    def __init__(self, program: FunctionProgram, input: Mapping[str, Any]) -> None:
        super().__init__()
        self.program = program
        self.input = input
        self._main: Strand  # the function itself
        self._alone: tuple[Strand, ...] = ()  # it as the only one that waits for something

    def begin(self, at: float) -> Iterable[Ask]:
        self.at = at
        body = self.program.opening(self, self.program.fn, self.input)
        self.suspend()
        self._main = Strand(self.program.name, body=body, resume=body.send)
        self._alone = (self._main,)
        self.strands[self._main] = None
        return self._go_on(self._main)

    def done(self, key: str, value: Any, at: float) -> Iterable[Ask]:
        self.at = at
        handle = self.handles.pop(key)
        if type(handle) is Handle:
            handle.settled = True
            handle.value = value
        else:
            handle.give(value)  # type: ignore[attr-defined]
        waiters = handle.waiters
        if waiters is self._alone:
            return self._go_on(self._main)
        if not waiters:
            self.keep(handle)
            return ()
        for waiter in waiters:
            waiter.wake(handle, self)
        return self._go_on(self.woken())

    def failed(self, key: str, error: Failure, at: float) -> Iterable[Ask]:
        self.at = at
        self.settle(self.handles.pop(key), None, rebuilt(key, error, self.program.fn.__globals__))
        return self._go_on(self.woken())

    # Who is asked for calls. See Asked.

    def play(self) -> FunctionPlay:
        return self

    def give(self, handle: Handle[Any]) -> Handle[Any]:
        return handle

    # Inside

    def _go_on(self, strand: Strand | None) -> Iterable[Ask]:
        """Resume what was woken, `strand` first, each until it waits again or ends; what was asked meanwhile."""
        token = enter(self)
        try:
            while strand is not None:
                try:
                    waits = strand.resume(None)
                except BaseException as error:
                    self._over(strand, error)
                else:
                    if type(waits) is Handle and not waits.waiters and strand is self._main:
                        strand.waits = waits
                        waits.waiters = self._alone
                    else:
                        self._wait(strand, waits)
                strand = self.woken() if self.ready else None
        finally:
            leave(token)
        asks = self.asks
        self.asks = []
        return asks

    def _wait(self, strand: Strand, waits: Any) -> None:
        """A coroutine waits for something, and is woken with whoever else waits for that."""
        if isinstance(waits, Handle):
            strand.waits = waits
            waits.waiters += (strand,)
        else:
            self._refuse(strand, waits)

    def _over(self, strand: Strand, error: BaseException) -> None:
        """A coroutine has ended, with StopIteration if all went well."""
        strand.waits = None
        if isinstance(error, StopIteration):
            self._returned(strand, error.value)
        elif isinstance(error, Continuing):
            self._continue(strand, error)
        elif isinstance(error, KeyboardInterrupt):
            raise error
        else:
            self._raised(strand, error)

    def _returned(self, strand: Strand, value: Any) -> None:
        if strand is not self._main:
            del self.strands[strand]
            self.settle(strand, value, None)
        elif forgotten := self._forgotten():
            self._end(Fail(failure_of(_never_awaited(forgotten))))
        else:
            self._end(End(value))

    def _raised(self, strand: Strand, error: BaseException) -> None:
        error = without_loop(error) or error
        if strand is not self._main:
            del self.strands[strand]
            self.settle(strand, None, error)
        elif (origin := origin_of(error)) is not None:
            self._end(Fail(origin.failure, [origin.key]))
        else:
            if error.__traceback__ is not None:
                error.__traceback__ = error.__traceback__.tb_next  # without our own frame
            below = origin_below(error)
            self._end(Fail(failure_of(error), [] if below is None else [below.key]))

    def _refuse(self, strand: Strand, waits: Any) -> None:
        """It awaits what only an event loop could give it."""
        error: BaseException = refusal_of(strand.body, waits)
        try:
            strand.body.throw(error)
        except BaseException as raised:
            error = raised
        self._raised(self._main, error)

    def _continue(self, strand: Strand, continuing: Continuing) -> None:
        following = self.program.following
        if strand is not self._main or following is None:
            self._raised(strand, DefinitionError("continue_as_new() is for the workflow's own function"))
            return
        if forgotten := self._forgotten():
            self._end(Fail(failure_of(_never_awaited(forgotten))))
            return
        handle = self.call(Call("continue_as_new", following, _HERE), (), dict(continuing.inputs))
        strand.body = _next_run(handle)
        strand.resume = strand.body.send
        self.ready.appendleft(strand)

    def _forgotten(self) -> list[str]:
        return [each.key for each in [*self.handles.values(), *self.loose] if not each.taken]

    def _end(self, ask: Ask) -> None:
        self.asks.append(ask)
        del self.strands[self._main]
        self._alone = ()
        self.close("its function has ended")


async def _next_run(started: Handle[str]) -> Any:
    return continued_as(await started)


def _never_awaited(keys: Sequence[str]) -> DefinitionError:
    first = keys[0]
    more = f" (and {len(keys) - 1} more)" if len(keys) > 1 else ""
    return DefinitionError(
        f"step {first!r}{more} was called and its result never awaited, so it might be cut off: write `await` before the call,"
        " or give it to gather()"
    )
