"""A durable function: an ordinary function whose calls are steps, checked when it is decorated, run by an engine."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Coroutine, Mapping
from typing import TYPE_CHECKING, Any, Generic, ParamSpec, TypeVar, overload

from penstock.context.places import at, spot_of
from penstock.context.references import is_async
from penstock.errors import DefinitionError, InputError, UserError
from penstock.functions.handles import Handle
from penstock.functions.known import callees_in, calls_in, definitions_in
from penstock.functions.launcher import Launcher
from penstock.functions.program import FunctionProgram, coroutine
from penstock.model.calling import caller
from penstock.model.limits import Limit, bounds_of_runs
from penstock.model.parameters import Parameter, bind_inputs, hints_of, resolve_annotations, signature_of
from penstock.model.program import Do, OnChange
from penstock.model.wording import shown

if TYPE_CHECKING:
    from penstock.app import Engine
    from penstock.app.run import Run

P = ParamSpec("P")
R = TypeVar("R")
C = TypeVar("C")


class DurableFunction(Generic[P, R, C]):
    """A function as a workflow: `run` and `start` run it; called inside another one, it is a part of that run.

    Made by `@workflow`. It is checked when it is decorated, and once more by `check()`, when all that it calls is known.
    """

    def __init__(  # noqa: PLR0913 - one keyword a power
        self,
        fn: Callable[P, Any],
        *,
        name: str | None = None,
        limit: int | Limit | None = None,
        timeout: float | None = None,
        allow: Collection[str] = (),
        on_success: Callable[[Any], Any] | None = None,
        on_failure: Callable[[Any], Any] | None = None,
        on_cancel: Callable[[Any], Any] | None = None,
        on_change: OnChange | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> None:
        with at():
            _check_function(fn)
        self.fn = fn
        self.name: str = name or fn.__name__
        self.timeout = timeout
        self.allow = tuple(allow)
        self.tags = dict(tags or {})
        self.on_change = on_change
        self.hooks = {"completed": on_success, "failed": on_failure, "cancelled": on_cancel}
        self.latest: Run[Any] | None = None
        self.said = spot_of(fn)
        self.module = fn.__module__
        self.__doc__ = fn.__doc__
        self.__name__ = self.name
        self.__wrapped__ = fn
        self.__module__ = fn.__module__
        self.__qualname__ = fn.__qualname__
        self._program: FunctionProgram | None = None
        with at(self.said):
            self.limit, self.under = bounds_of_runs(limit, f"workflow {self.name!r}")
            _check_options(self.name, self.limit, timeout)
            signature = signature_of(fn, f"workflow {self.name!r}")
            if signature.everything or _takes_places(fn):
                raise DefinitionError(
                    f"workflow {self.name!r} takes *args or **kwargs; every input needs a name"
                )
            self._parameters = signature.parameters
        self._check_replayable()

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> C:
        """Inside a durable function: play it as a part of that run. Elsewhere say `run` or `start`."""
        who = caller()
        if who is None:
            raise UserError(
                f"{self.name}() is a workflow: {self.name}.run(...) runs it; inside another durable function it can be called"
            )
        return who.open(self.as_program(), self.bound(args, kwargs))  # type: ignore[no-any-return]

    # What it is to the engine

    def as_program(self) -> FunctionProgram:
        """The function, ready to be played."""
        if self._program is None:
            self.check()
            self._program = FunctionProgram(
                self.name,
                self.fn,
                opening=coroutine if is_async(self.fn) else _thread,
                following=self._begin_next,
                hooks={kind: Do(f"@on_{kind}", fn) for kind, fn in self.hooks.items() if fn is not None},
                limit=self.limit,
                timeout=self.timeout,
                calls=calls_in(self.fn),
            )
            self._program.under = self.under
            calls = (callee.as_call() for callee in callees_in(self.fn))
            self._program.steps = {call.name: call.fn for call in calls}
        return self._program

    def check(self) -> None:
        """Raise DefinitionError for calls that cannot replay, in it and in the functions of its module that it calls."""
        self._check_replayable()

    @property
    def inputs(self) -> dict[str, Parameter]:
        """What a run is given by name, with types and defaults."""
        return resolve_annotations(self.fn, self._parameters)

    @property
    def outputs(self) -> dict[str, Parameter]:
        """What a run gives, by the type that the function says it returns."""
        returned = hints_of(self.fn).get("return", inspect.Parameter.empty)
        return {"result": Parameter("result", returned, None)}

    @property
    def defaults(self) -> dict[str, Any]:
        """What inputs are that are not given: recorded with the run, so that a replay has the same."""
        return {name: each.default for name, each in self._parameters.items() if not each.required}

    def bound(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> dict[str, Any]:
        """The inputs of a run that is given these. Raises InputError."""
        names = list(self._parameters)
        given = dict(zip(names, args, strict=False))
        with at(self.said):
            if len(args) > len(names):
                raise InputError(f"workflow {self.name!r} has {len(names)} inputs; {len(args)} were given")
            if twice := given.keys() & kwargs.keys():
                raise InputError(f"workflow {self.name!r}: input {min(twice)!r} was given twice")
            return {**self.defaults, **bind_inputs(self.name, self.inputs, {**given, **kwargs})}

    def annotations(self) -> list[Any]:
        """Every type that its signature and those of the tasks it names speak of: what recorded values may come back as."""
        found = list(hints_of(self.fn).values())
        for callee in callees_in(self.fn):
            found.extend(hints_of(callee.as_call().fn).values())
        for definition in definitions_in(self.fn):
            if definition is not self:
                found.extend(getattr(definition, "annotations", list)())
        return found

    def modules(self) -> set[str]:
        """Where it and the tasks it names were written: classes from there may come back from a store."""
        found = {self.module, *(callee.as_call().fn.__module__ for callee in callees_in(self.fn))}
        return found - {"", "builtins"}

    # Running

    def using(  # noqa: PLR0913 - one keyword a power
        self,
        *,
        store: str | Engine | None = None,
        key: str | None = None,
        tags: Mapping[str, str] | None = None,
        timeout: float | None = None,
        queue: str = "default",
        priority: int = 0,
        delay: float | None = None,
    ) -> Launcher[P, R]:
        """Say how to run it: the store ("ephemeral" keeps nothing), an idempotency key, tags, a limit of the run's time.

        `queue`, `priority` and `delay` are those of a run that is submitted. See Engine.submit.
        """
        place = {"queue": queue, "priority": priority, "delay": delay}
        return Launcher(self, store, key, {**self.tags, **(tags or {})}, timeout, place)

    def run(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Run it on this thread and return its result."""
        return self.using().run(*args, **kwargs)

    def start(self, *args: P.args, **kwargs: P.kwargs) -> Run[R]:
        """Start a run in the background and return its handle."""
        return self.using().start(*args, **kwargs)

    def submit(self, *args: P.args, **kwargs: P.kwargs) -> Run[R]:
        """Record a run for a worker to take (`penstock worker`) and return its handle."""
        return self.using().submit(*args, **kwargs)

    async def run_async(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Run it on the running event loop: async steps there, sync steps in threads."""
        return await self.using().run_async(*args, **kwargs)

    async def start_async(self, *args: P.args, **kwargs: P.kwargs) -> Run[R]:
        """Start a run on the running event loop and return its handle."""
        return await self.using().start_async(*args, **kwargs)

    def __repr__(self) -> str:
        return f"<DurableFunction {self.name}>"

    # Inside

    def _check_replayable(self) -> None:
        from penstock.functions.replayable import findings

        found = findings(self.fn, self.allow)
        if found:
            with at(self.said):
                listed = "\n  ".join(map(str, found))
                raise DefinitionError(
                    f"workflow {self.name!r} calls what a replay would answer otherwise, or do again:\n  {listed}\n"
                    f"(where that does no harm: @workflow(allow=[{found[0].name!r}]))"
                )

    def _begin_next(self, **inputs: Any) -> str:
        """The step that `continue_as_new` becomes."""
        from penstock.app.continuing import begin_next

        return begin_next(self, self.bound((), inputs))


def _thread(*what: Any) -> Any:
    """See penstock.functions.threads, which is loaded by those who need it."""
    from penstock.functions.threads import thread

    return thread(*what)


def _check_function(fn: Any) -> None:
    if not inspect.isfunction(fn):
        raise DefinitionError(f"a workflow is made of a function; {shown(fn)} is {type(fn).__name__}")
    if inspect.isgeneratorfunction(fn) or inspect.isasyncgenfunction(fn):
        raise DefinitionError(
            f"workflow {fn.__name__!r} has a yield in it: await its steps, and return its result"
        )


def _takes_places(fn: Callable[..., Any]) -> bool:
    kinds = {parameter.kind for parameter in inspect.signature(fn).parameters.values()}
    return bool(kinds & {inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.POSITIONAL_ONLY})


def _check_options(name: Any, limit: Any, timeout: Any) -> None:
    if not isinstance(name, str) or not name.isprintable() or "/" in name or "@" in name:
        raise DefinitionError(f"{shown(name)} cannot name a workflow: give it some text without '/' and '@'")
    if limit is not None and not (isinstance(limit, int) and limit > 0):
        raise DefinitionError(
            f"workflow {name!r}: limit={shown(limit)} must be a whole number from 1 up, or None"
        )
    if timeout is not None and not (isinstance(timeout, int | float) and timeout > 0):
        raise DefinitionError(
            f"workflow {name!r}: timeout={shown(timeout)} must be a number of seconds above 0, or None"
        )


@overload
def workflow(fn: Callable[P, Coroutine[Any, Any, R]], /) -> DurableFunction[P, R, Handle[R]]: ...
@overload
def workflow(fn: Callable[P, R], /) -> DurableFunction[P, R, R]: ...
@overload
def workflow(
    *,
    name: str | None = None,
    limit: int | Limit | None = None,
    timeout: float | None = None,
    allow: Collection[str] = (),
    on_success: Callable[[Any], Any] | None = None,
    on_failure: Callable[[Any], Any] | None = None,
    on_cancel: Callable[[Any], Any] | None = None,
    on_change: OnChange | None = None,
    tags: Mapping[str, str] | None = None,
) -> Decorator: ...
def workflow(fn: Any = None, /, **options: Any) -> Any:
    """Make a function durable: `@workflow`, or `@workflow(timeout=3600)`.

    `limit` bounds how many steps of a run are in flight, a Limit how many runs go on; `timeout` is a run's time in seconds.
    `allow` names calls that may stay though they do not replay, such as "time.time" or "random.*". `on_success`, `on_failure`,
    `on_cancel` are called, as recorded steps, with the result, the failure, or the reason.
    `on_change` is what to do when a run is resumed whose code has changed since: "continue", "refuse" or go on in a "new_run".
    """
    if fn is not None:
        return DurableFunction(fn)
    return lambda function: DurableFunction(function, **options)


class Decorator:
    """What `@workflow(...)` with options makes of a function."""

    @overload
    def __call__(self, fn: Callable[P, Coroutine[Any, Any, R]], /) -> DurableFunction[P, R, Handle[R]]: ...
    @overload
    def __call__(self, fn: Callable[P, R], /) -> DurableFunction[P, R, R]: ...
    def __call__(self, fn: Any, /) -> Any:
        raise NotImplementedError
