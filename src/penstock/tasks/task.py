"""A task: an ordinary function with a name, options, and a place in a workflow."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Iterable, Mapping
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Generic, ParamSpec, Protocol, TypeVar, Unpack, overload

from penstock.context.places import at
from penstock.errors import DefinitionError, RunFailed, RunNotFound
from penstock.model.calling import Call, caller, stop_if_ending
from penstock.model.program import Partial
from penstock.model.wording import shown
from penstock.tasks.options import Options, check_alone, check_name, check_options, check_settings, policy_of
from penstock.tasks.statuses import TaskStatus, status_of_step
from penstock.tasks.undoing import undone_by
from penstock.tasks.work import Work

if TYPE_CHECKING:
    from penstock.app import Run, StepView
    from penstock.tasks.alone import Alone

P = ParamSpec("P")
R = TypeVar("R")


class Flow(Protocol):
    """What a task knows of the workflow it belongs to."""

    latest: Run[Any] | None

    def link(self, upstream: Any, downstream: Any) -> None: ...


building: ContextVar[Flow | None] = ContextVar("penstock_building", default=None)
"""The workflow whose `with` block is open here."""


class Task(Work, Generic[P, R]):
    """A function as a task. Calling it calls the function: tasks are tested like functions.

    `name` is the function's unless given. Added to a workflow, a task of the same name (a copy) belongs to it; there
    `a >> b` makes b depend on a.
    """

    fn: Callable[P, R]

    def __init__(
        self,
        fn: Callable[P, R] | str,
        named: Callable[P, R] | None = None,
        *,
        name: str | None = None,
        **options: Unpack[Options],
    ) -> None:
        if named is not None:  # Task("name", fn)
            fn, name = named, str(fn)
        with at():
            if not callable(fn):
                raise DefinitionError(f"a task is made of a function; {shown(fn)} is {type(fn).__name__}")
            if name is None:
                name = str(getattr(fn, "__name__", type(fn).__name__))
            check_name(name, "a task")
            check_options(options, f"task {name!r}")
        self.fn = fn
        self.name = name
        self.options = dict(options)
        self.flow: Flow | None = None
        self.alone: Alone | None = None  # made by `execute`
        self._call: Call | None = None
        self.__doc__ = getattr(fn, "__doc__", None)
        self.__name__ = self.name
        self.__wrapped__ = fn
        self.__module__ = getattr(fn, "__module__", "")
        self.__qualname__ = getattr(fn, "__qualname__", self.name)

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Call the function. Inside a durable function that is a step of its run, outside any run a call."""
        who = caller()
        if who is not None:
            return who.call(self._call or self.as_call(), args, kwargs)  # type: ignore[no-any-return]
        stop_if_ending()
        return self.fn(*args, **kwargs)

    def as_call(self) -> Call:
        """The task as a step of its own. Raises DefinitionError for one that goes over what only a workflow of tasks has."""
        if self._call is None:
            with at():
                check_alone(self.name, mapped=self.over is not None)
            self._call = Call(
                self.name, self.fn, undone_by(policy_of(self.options), self.options, self.fn, self.name)
            )
        return self._call

    def __reduce__(self) -> Any:
        return (_by_reference, (self.__module__, self.__qualname__))

    def named(self, name: str, **options: Unpack[Options]) -> Task[P, R]:
        """A copy under another name, with other options where given."""
        copy: Task[P, R] = Task(self.fn, name=name, **{**self.options, **options})
        copy.over, copy.window, copy.partial = self.over, self.window, self.partial
        return copy

    def map(self, *, window: int = 256, partial: Partial = "fail", **over: Any) -> Task[P, list[R]]:
        """A task that runs once an item: `measure.map(path="find_modules")` calls measure(path=...) for each path.

        Each keyword names a parameter and says what it goes over: the name of an upstream task or of an input, a Task, or a
        list; several go side by side and must be of one length. Other parameters get what they would get without `map`. At
        most `window` items are under way at once. `partial="collect"` puts a `Failure` in the place of a failed item instead
        of failing the task. The result is the list of results, in order.
        """
        with at():
            if not over:
                raise DefinitionError(
                    f"{self.name}.map() needs to know what to go over, such as {self.name}.map({_first(self.fn)}=...)"
                )
            check_settings(f"{self.name}.map", window=window, partial=partial)
        copy: Task[P, Any] = self.named(self.name)
        copy.over, copy.window, copy.partial = over, window, partial
        return copy

    def __rshift__(self, other: Any) -> Any:
        """`a >> b`: b depends on a; `a >> [b, c]`: both do. Returns the right side, for chains."""
        _link(self, other)
        return other

    def __rrshift__(self, others: Any) -> Task[P, R]:
        """`[a, b] >> c`: c depends on both."""
        for other in others:
            _link(other, self)
        return self

    def __repr__(self) -> str:
        return f"<Task {self.name}>"

    def execute(self, context: Mapping[str, Any] | None = None) -> R:
        """Run it outside any workflow, with its retries and timeout, given from `context` what its parameters name.

        Raises TaskExecutionError, whose cause is the task's own exception.
        """
        from penstock.tasks.alone import Alone

        self.alone = Alone(self, context or {})
        return self.alone.execute()  # type: ignore[no-any-return]

    @property
    def status(self) -> TaskStatus:
        """Of the latest run of its workflow (or of the task alone): pending until it starts."""
        step = self._step()
        return TaskStatus.PENDING if step is None else status_of_step(step.status)

    @property
    def error(self) -> BaseException | None:
        """The exception it failed with in the latest run; RunFailed where the exception itself is not at hand."""
        step = self._step()
        if step is None or step.status != "failed":
            return None
        try:
            step.result  # noqa: B018 - it raises
        except RunFailed as error:
            return error.__cause__ or error
        return None

    @property
    def result(self) -> R:
        """Its value in the latest run of its workflow."""
        run = self._run()
        if run is None:
            raise DefinitionError(
                f"task {self.name!r} has no result: its workflow was not run; say flow.run(...) first"
            )
        return run.steps[self.name].result  # type: ignore[no-any-return]

    def _run(self) -> Run[Any] | None:
        flow = self.flow or self.alone
        return None if flow is None else flow.latest

    def _step(self) -> StepView | None:
        run = self._run()
        try:
            return None if run is None else run.steps[self.name]
        except RunNotFound:  # its log does not speak of this task
            return None


@overload
def task(fn: Callable[P, R], /) -> Task[P, R]: ...
@overload
def task(
    *, name: str | None = None, **options: Unpack[Options]
) -> Callable[[Callable[P, R]], Task[P, R]]: ...
def task(fn: Any = None, /, *, name: str | None = None, **options: Any) -> Any:
    """Make a function a task: `@task`, `@task()`, or `@task(retries=3, timeout=10)`. See Options for what it may be told."""
    if fn is not None:
        return Task(fn, name=name, **options)

    def decorate(function: Callable[P, R]) -> Task[P, R]:
        return Task(function, name=name, **options)

    return decorate


def as_task(what: Any) -> Task[..., Any]:
    """A task, or an ordinary function taken as one."""
    if isinstance(what, Task):
        return what
    if not callable(what):
        raise DefinitionError(
            f"{shown(what)} is no task: decorate a function with @task and give that, without the () that calls it"
        )
    return Task(what)


def names_of(tasks: Any) -> list[str]:
    """The names of tasks, given as one or as several, as tasks or by name."""
    if isinstance(tasks, str | Task) or not isinstance(tasks, Iterable):
        tasks = () if tasks is None else (tasks,)
    return [name_of(each) for each in tasks]


def name_of(what: Any) -> str:
    """The name of a task that is given as a task, as its function, or by name."""
    if isinstance(what, Task):
        return what.name
    name = what if isinstance(what, str) else getattr(what, "__name__", None)
    if name is None:
        raise DefinitionError(
            f"{shown(what)} names no task to depend on: give a task, its name, or a list of them"
        )
    return str(name)


def _link(upstream: Any, downstream: Any) -> None:
    for later in downstream if isinstance(downstream, list | tuple) else [downstream]:
        flow = getattr(later, "flow", None) or getattr(upstream, "flow", None) or building.get()
        if flow is None:
            with at():
                raise DefinitionError(
                    f"{upstream!r} >> {later!r} is said outside a workflow: say it inside `with Workflow(...) as flow:`,"
                    " or of the tasks that flow.add_task(...) returned"
                )
        flow.link(upstream, later)


def _first(fn: Callable[..., Any]) -> str:
    return next(iter(inspect.signature(fn).parameters), "item")


def _by_reference(module: str, qualname: str) -> Any:
    found: Any = sys.modules[module]
    for part in qualname.split("."):
        found = getattr(found, part)
    return found
