"""The names of `penstock.functions` with the types that a function sees that is not async: each call waits for its value."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from datetime import datetime
from typing import Any, Generic, ParamSpec, TypeVar, overload

from penstock.errors import UserError
from penstock.functions import approving, calls
from penstock.functions.calls import continue_as_new, now, publish, random, start, uuid4
from penstock.functions.handles import Handle, Winner
from penstock.model.approval import APPROVAL, Decision
from penstock.model.calling import caller
from penstock.model.program import Definition, Partial

__all__ = [
    "Handle",
    "Winner",
    "approval",
    "continue_as_new",
    "gather",
    "now",
    "publish",
    "race",
    "random",
    "sleep",
    "sleep_until",
    "start",
    "step",
    "uuid4",
    "wait_for_signal",
]

P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")


class Step(Generic[P, R]):
    """See penstock.functions.Step."""

    def __init__(self, what: Any, **how: Any) -> None:
        self._step: calls.Step[Any, Any] = calls.step(what, **how)

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """See penstock.functions.Step."""
        return _value(self._step, *args, **kwargs)  # type: ignore[no-any-return]

    def map(self, *, window: int = 256, partial: Partial = "fail", **over: Any) -> list[R]:
        """See penstock.functions.Step.map."""
        return _value(self._step.map, window=window, partial=partial, **over)  # type: ignore[no-any-return]


# These overloads are those of `calls.step` but for the class Step that they give: what is generic in a class that is generic
# itself cannot be said in types, so that neither module can take them from the other.
@overload
def step(
    fn: Callable[P, Coroutine[Any, Any, R]], /, *, undo: Callable[..., object] | None = None
) -> Step[P, R]: ...
@overload
def step(fn: Callable[P, Handle[R]], /, *, undo: Callable[..., object] | None = None) -> Step[P, R]: ...
@overload
def step(fn: Callable[P, R], /, *, undo: Callable[..., object] | None = None) -> Step[P, R]: ...
@overload
def step(
    fn: Definition,
    /,
    *,
    undo: Callable[..., object] | None = None,
    own_run: bool = False,
    queue: str | None = None,
) -> Step[..., Any]: ...
def step(fn: Any, /, **how: Any) -> Any:
    """See penstock.functions.step."""
    return Step(fn, **how)


def gather(*handles: Handle[Any], return_exceptions: bool = False) -> list[Any]:
    """See penstock.functions.gather; `start` gives handles."""
    return _value(calls.gather, *handles, return_exceptions=return_exceptions)  # type: ignore[no-any-return]


def race(*handles: Handle[Any]) -> Winner:
    """See penstock.functions.race; `start` gives handles."""
    return _value(calls.race, *handles)  # type: ignore[no-any-return]


def sleep(seconds: float) -> None:
    """See penstock.functions.sleep."""
    _value(calls.sleep, seconds)


def sleep_until(moment: datetime) -> None:
    """See penstock.functions.sleep_until."""
    _value(calls.sleep_until, moment)


@overload
def wait_for_signal(name: str, *, timeout: float | None = None) -> Any: ...
@overload
def wait_for_signal(name: str, *, type: type[T], timeout: float | None = None) -> T: ...
def wait_for_signal(name: str, *, type: Any = None, timeout: float | None = None) -> Any:
    """See penstock.functions.wait_for_signal."""
    return _value(calls.wait_for_signal, name, type=type, timeout=timeout)


def approval(name: str = APPROVAL, *, timeout: float | None = None) -> Decision:
    """See penstock.functions.approval."""
    return _value(approving.approval, name, timeout=timeout)  # type: ignore[no-any-return]


def _value(call: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """What a call gives where it waits. Raises UserError in a function that is async, where it would not."""
    who = caller()
    if who is not None and not hasattr(who, "wait"):
        raise UserError(
            "penstock.functions.blocking is for functions that are not async: import from penstock.functions, and await"
        )
    return call(*args, **kwargs)
