"""What a durable function calls: steps, several at once, whichever comes first, sleeps, signals; time and chance that replay.

In an async function each call answers with a `Handle`, to be awaited. In a function that is not async each call waits, and
answers with the value; `start` answers with a handle there as well, so that several things can be under way.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Generic, NoReturn, ParamSpec, Protocol, TypeVar, cast, overload

from penstock.errors import DefinitionError, InputError, UserError
from penstock.functions.handles import Handle, Winner
from penstock.functions.program import Continuing, FunctionPlay
from penstock.functions.undoing import check_undo, undone_by
from penstock.model.calling import Call, caller, enter, leave
from penstock.model.child import CHILD_POLICY, Child, own_child
from penstock.model.parameters import bind_inputs
from penstock.model.payload import payload
from penstock.model.program import Definition, Partial
from penstock.model.wording import shown

if TYPE_CHECKING:
    from random import Random
    from uuid import UUID

P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")

Awaited = Handle[T] | Coroutine[Any, Any, T]
"""What `gather` and `race` take: a handle, or a coroutine of the function's own, which is then driven beside the others."""


class Asked(Protocol):
    """Who is asked in a durable function; `give` turns a handle into what the function is to be given."""

    def play(self) -> FunctionPlay: ...
    def give(self, handle: Handle[Any]) -> Any: ...


def asked(what: str) -> Asked:
    """Who is asked here. Raises UserError outside of durable functions."""
    who = caller()
    if who is None:
        raise UserError(f"{what} belongs into a durable function (@workflow) that is being run; here none is")
    return cast(Asked, who)


# ── steps ───────────────────────────────────────────────────────────────────────────────────────────────────────────


class Step(Generic[P, R]):
    """A function, a task or a workflow, whose calls are steps. See `step`."""

    def __init__(self, what: Any, undo: Any = None, child: Child | None = None) -> None:
        self._what = what
        self._undo = undo
        self._child = child

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> Handle[R]:
        """Call it as a step."""
        who = asked(f"step({_name(self._what)})")
        if self._child is not None:
            inputs = _inputs_of(self._what, args, kwargs)
            return who.give(who.play().call(self._undone(), (), inputs))  # type: ignore[no-any-return]
        if self._undo is None:
            return who.give(_called(who.play(), self._what, args, kwargs))  # type: ignore[no-any-return]
        return who.give(who.play().call(self._undone(), args, kwargs))  # type: ignore[no-any-return]

    def map(self, *, window: int = 256, partial: Partial = "fail", **over: Any) -> Handle[list[R]]:
        """Call it once for each item of a list that a keyword names; the value is the list of results, in order.

        Several lists go side by side. At most `window` calls are under way at once. `partial="collect"` puts a `Failure` in the
        place of an item that failed, instead of failing as a whole.
        """
        who = asked(f"step({_name(self._what)}).map")
        lists = {name: list(items) for name, items in over.items()}
        if not lists or len({len(items) for items in lists.values()}) > 1:
            sizes = {name: len(items) for name, items in lists.items()}
            raise InputError(
                f"map() goes over lists of one length, one a parameter; given were {sizes or 'none'}"
            )
        if isinstance(self._what, Definition):
            raise DefinitionError(f"workflow {_name(self._what)!r} cannot be mapped: gather() its calls")
        return who.give(  # type: ignore[no-any-return]
            who.play().map(self._undone(), lists, window=window, partial=partial)
        )

    def _undone(self) -> Call:
        """The call, with the undo that was said of it."""
        child = self._child
        call = _call_of(self._what) if child is None else Call(_name(child), child, CHILD_POLICY)
        return undone_by(call, self._undo)


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
def step(fn: Any, /, *, undo: Any = None, own_run: bool = False, queue: str | None = None) -> Any:
    """`step(fn)(...)` calls a function, a task or a workflow as a step of the durable function in which it is said.

    `undo` is a function or a task that undoes it if the run fails or is cancelled: it is given the step's result, and by name
    the step's arguments that it also has parameters for. With `own_run` a workflow is a run of its own, whose parent this
    one is; `queue` leaves that to the workers of a queue.
    """
    if not callable(fn) and not isinstance(fn, Definition):
        raise DefinitionError(f"step() is given a function, a task or a workflow; {shown(fn)} is none")
    if own_run and not isinstance(fn, Definition):
        raise DefinitionError(f"step({_name(fn)}, own_run=True): only a workflow can be a run of its own")
    child = own_child(fn, own_run=own_run, queue=queue)
    if undo is not None:
        check_undo(child or fn, undo)
    return Step(fn, undo, child)


@overload
def start(fn: Callable[P, Coroutine[Any, Any, R]], /, *args: P.args, **kwargs: P.kwargs) -> Handle[R]: ...
@overload
def start(fn: Callable[P, Handle[R]], /, *args: P.args, **kwargs: P.kwargs) -> Handle[R]: ...
@overload
def start(fn: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> Handle[R]: ...
@overload
def start(fn: Definition, /, *args: Any, **kwargs: Any) -> Handle[Any]: ...
def start(fn: Any, /, *args: Any, **kwargs: Any) -> Any:
    """Call something without waiting for it: a function, a task, a workflow, or `sleep`, `wait_for_signal` and `gather`."""
    play = asked(f"start({_name(fn)})").play()
    own = _OWN.get(_name(fn)) if getattr(fn, "__module__", None) in _OWN_PLACES else None
    if own is None:
        return _called(play, fn, args, kwargs)
    token = enter(play)
    try:
        return own(*args, **kwargs)
    finally:
        leave(token)


def _called(play: FunctionPlay, what: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Handle[Any]:
    if not hasattr(what, "as_program"):  # a Definition; to ask for that is slow
        return play.call(_call_of(what), args, kwargs)
    return play.open(what.as_program(), _inputs_of(what, args, kwargs))


def _inputs_of(what: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """The inputs of a workflow that is called with these."""
    bound = getattr(what, "bound", None)
    if bound is not None:
        return bound(args, kwargs)  # type: ignore[no-any-return]
    name = what.as_program().name
    if args:
        raise InputError(f"workflow {name!r} is given its inputs by name; {shown(args[0])} has none")
    defaults: Mapping[str, Any] = getattr(what, "defaults", {})
    return {**defaults, **bind_inputs(name, getattr(what, "inputs", {}), kwargs)}


def _call_of(what: Any) -> Call:
    return what.as_call() if hasattr(what, "as_call") else Call(_name(what).replace("/", "-"), what)


def _name(what: Any) -> str:
    while not hasattr(what, "__name__") and hasattr(what, "func"):  # functools.partial
        what = what.func
    name = str(getattr(what, "__name__", None) or getattr(what, "name", type(what).__name__))
    return "function" if name == "<lambda>" else name


# ── several at once ─────────────────────────────────────────────────────────────────────────────────────────────────


def gather(*awaited: Awaited[Any], return_exceptions: bool = False) -> Handle[list[Any]]:
    """All values, in order. The first to fail raises, and the others go on; with `return_exceptions` exceptions are values."""
    who = asked("gather()")
    return who.give(who.play().gather(awaited, exceptions=return_exceptions))  # type: ignore[no-any-return]


def race(*awaited: Awaited[Any]) -> Handle[Winner]:
    """The first to be there wins, as (place among the arguments, value), or raises if it failed; the others are stopped."""
    if not awaited:
        raise UserError("race() needs something that can win: give it calls, sleep() or wait_for_signal()")
    who = asked("race()")
    return who.give(who.play().race(awaited))  # type: ignore[no-any-return]


# ── time and signals ────────────────────────────────────────────────────────────────────────────────────────────────


def sleep(seconds: float) -> Handle[None]:
    """Wait so many seconds; the time goes on while the process is down."""
    who = asked("sleep()")
    if not _is_number(seconds):
        raise InputError(f"sleep({shown(seconds)}): give a number of seconds from 0 up")
    return who.give(who.play().sleep(seconds))  # type: ignore[no-any-return]


def _is_number(seconds: Any) -> bool:
    return isinstance(seconds, int | float) and 0 <= seconds < 1e12


def sleep_until(moment: datetime) -> Handle[None]:
    """Wait until a moment, which knows its time zone."""
    who = asked("sleep_until()")
    if not hasattr(moment, "tzinfo") or moment.tzinfo is None:
        raise InputError(
            f"sleep_until({shown(moment)}): give a datetime with a time zone, such as now() + timedelta(days=1)"
        )
    return who.give(who.play().sleep(None, moment.timestamp()))  # type: ignore[no-any-return]


@overload
def wait_for_signal(name: str, *, timeout: float | None = None) -> Handle[Any]: ...
@overload
def wait_for_signal(name: str, *, type: type[T], timeout: float | None = None) -> Handle[T]: ...
def wait_for_signal(name: str, *, type: Any = None, timeout: float | None = None) -> Handle[Any]:
    """The value of the next signal of that name, converted to `type`. Raises StepTimeout after `timeout` seconds."""
    who = asked("wait_for_signal()")
    convert = None if type is None else lambda value: payload(name, value, type)
    return who.give(who.play().signal(name, timeout, convert))  # type: ignore[no-any-return]


def now() -> datetime:
    """The time of what the run was last told, in UTC: the same in every replay."""
    return datetime.fromtimestamp(asked("now()").play().at, UTC)


def random() -> Random:
    """The run's own random numbers, such as `random().choice(...)`: the same in every replay, others in other runs."""
    return asked("random()").play().chance


def uuid4() -> UUID:
    """A random UUID: the same in every replay, others in other runs."""
    from uuid import UUID

    return UUID(int=random().getrandbits(128), version=4)


def publish(**values: Any) -> None:
    """Tell whoever asks of the run how things stand: `publish(done=3, of=10)`; `run.published()` has the newest of each name.

    What is told is recorded with what the function asks for next. Raises CodecError for what cannot be stored.
    """
    from penstock.codecs import JsonCodec

    play = asked("publish()").play()
    if values:
        JsonCodec().encode(values)
        play.publish(values)


def continue_as_new(**inputs: Any) -> NoReturn:
    """End this run, and go on as a new one with these inputs and a log of its own: for functions that never end."""
    asked("continue_as_new()")
    raise Continuing(inputs)


_OWN: Mapping[str, Callable[..., Any]] = {
    each.__name__: each for each in (gather, race, sleep, sleep_until, wait_for_signal)
}
_OWN_PLACES = (__name__, "penstock.functions.blocking")
"""What `start` begins that is no step's code, and where it is found."""
