"""A durable function in small: a coroutine whose awaits are steps, driven by what the engine says is done.

It holds no loop of its own: `done` and `failed` wake whoever waits for that step, in order. Played again, it asks the same.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine, Generator, Iterable
from typing import Any

from penstock.model.failure import Failure, failure_of
from penstock.model.policies import DEFAULT, Policy
from penstock.model.program import Ask, Do, End, Fail, Plan, Sleep, Stop, Wait


class StepBroke(Exception):
    """What awaiting a step raises that failed."""

    def __init__(self, failure: Failure, key: str) -> None:
        super().__init__(str(failure))
        self.failure = failure
        self.key = key


class Handle(Awaitable[Any]):
    """Something that will have a value."""

    def __init__(self, key: str) -> None:
        self.key = key
        self.settled = False
        self.value: Any = None
        self.failure: Failure | None = None
        self.wakes: list[Callable[[], None]] = []

    def settle(self, value: Any, failure: Failure | None = None) -> None:
        """Have the value, and wake whoever waits."""
        self.settled, self.value, self.failure = True, value, failure
        wakes, self.wakes = self.wakes, []
        for wake in wakes:
            wake()

    def __await__(self) -> Generator[Handle, None, Any]:
        if not self.settled:
            yield self
        if self.failure is not None:
            raise StepBroke(self.failure, self.key)
        return self.value


class Flow:
    """What a function may call."""

    def __init__(self, policies: Callable[[str], Policy]) -> None:
        self.asks: list[Ask] = []
        self.handles: dict[str, Handle] = {}
        self._policies = policies
        self._number = 0

    def step(self, fn: Callable[..., Any], *args: Any) -> Handle:
        """Run a function as a step."""
        handle = self._handle("s")
        self.asks.append(Do(handle.key, fn, args, {}, self._policies(handle.key)))
        return handle

    def sleep(self, seconds: float) -> Handle:
        """Wait so many seconds."""
        handle = self._handle("z")
        self.asks.append(Sleep(handle.key, seconds))
        return handle

    def wait(self, signal: str, timeout: float | None = None) -> Handle:
        """Wait for a signal."""
        handle = self._handle("w")
        self.asks.append(Wait(handle.key, signal, timeout))
        return handle

    def stop(self, handle: Handle) -> None:
        """Give up a step."""
        if not handle.settled:
            self.asks.append(Stop(handle.key))
            self.handles.pop(handle.key, None)

    async def gather(self, *handles: Handle) -> list[Any]:
        """All values, in order; the first failure in that order."""
        return [await handle for handle in handles]

    async def race(self, *handles: Handle) -> str:
        """The key of the first to settle; the others are stopped."""
        first = Handle("")
        for handle in handles:
            if handle.settled:
                break
            handle.wakes.append(lambda h=handle: None if first.settled else first.settle(h))  # type: ignore[misc]
        else:
            await first
        winner: Handle = first.value if first.settled else next(h for h in handles if h.settled)
        for handle in handles:
            if handle is not winner:
                self.stop(handle)
        return winner.key

    def _handle(self, kind: str) -> Handle:
        self._number += 1
        handle = self.handles[f"{kind}{self._number}"] = Handle(f"{kind}{self._number}")
        return handle


class FunctionProgram(Plan):
    """Plays `function(flow, input)`."""

    keep = False

    def __init__(
        self,
        name: str,
        function: Callable[[Flow, Any], Coroutine[Any, Any, Any]],
        policies: Callable[[str], Policy] = lambda key: DEFAULT,
    ) -> None:
        self.name = name
        self.function = function
        self.policies = policies

    def play(self, input: Any) -> FunctionPlay:
        return FunctionPlay(self, input)


class FunctionPlay:
    """See Play."""

    def __init__(self, program: FunctionProgram, input: Any) -> None:
        self.flow = Flow(program.policies)
        self.program = program
        self.input = input

    def begin(self, at: float) -> Iterable[Ask]:
        self.body = self.program.function(self.flow, self.input)
        return self._go_on()

    def done(self, key: str, value: Any, at: float) -> Iterable[Ask]:
        return self._settle(key, value, None)

    def failed(self, key: str, error: Failure, at: float) -> Iterable[Ask]:
        return self._settle(key, None, error)

    def _settle(self, key: str, value: Any, failure: Failure | None) -> Iterable[Ask]:
        self.flow.handles.pop(key).settle(value, failure)
        return self._go_on() if self._waits.settled else []

    def _go_on(self) -> list[Ask]:
        """Run the function until it waits for something that has no value yet."""
        flow = self.flow
        try:
            handle = self.body.send(None)
            while handle.settled:
                handle = self.body.send(None)
            self._waits: Handle = handle
        except StopIteration as end:
            flow.asks.append(End(end.value))
        except StepBroke as broke:
            flow.asks.append(Fail(broke.failure, [broke.key]))
        except Exception as error:
            flow.asks.append(Fail(failure_of(error)))
        asks, flow.asks = flow.asks, []
        return asks
