"""A workflow of tasks: built by adding tasks, checked as a whole before its first run, run by an engine."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping
from contextvars import Token
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar, Unpack, overload

from penstock.context.places import at, here
from penstock.errors import DefinitionError
from penstock.model.child import own_child
from penstock.model.limits import Limit, bounds_of_runs
from penstock.model.parameters import Parameter
from penstock.model.program import Definition, Do, OnChange
from penstock.tasks.blueprint import Blueprint, declared_inputs
from penstock.tasks.launcher import Launcher
from penstock.tasks.node import Trigger
from penstock.tasks.options import Options, check_name, check_settings
from penstock.tasks.place import Place, check_place, check_place_name
from penstock.tasks.program import GraphProgram
from penstock.tasks.report import Reporting
from penstock.tasks.task import Task, as_task, building, name_of, names_of
from penstock.tasks.waiting import Waiting

if TYPE_CHECKING:
    from penstock.app import Engine
    from penstock.app.run import Run

P = ParamSpec("P")
R = TypeVar("R")


class Workflow(Waiting, Reporting):
    """Tasks and what they depend on.

    `inputs` declares the run's inputs (name -> type, or a function whose parameters they are); left out, every parameter that
    no task provides is an input. `limit` bounds how many steps of a run are in flight, a Limit how many runs go on. `timeout`
    is a run's time in seconds.
    `executor` is where tasks run that name none. `fail_fast=False` lets independent branches finish before a failed run ends.
    `on_success`, `on_failure`, `on_cancel` are called, as recorded steps, with the result, the failure, or the reason.
    `on_change` is what to do when a run is resumed whose code has changed since: "continue", "refuse" or go on in a "new_run".

    Everything is checked at the latest when the first run starts, and by `check()`: cycles, unknown or forgotten dependencies,
    names used twice, arguments nobody provides; each is a DefinitionError that says what to do.
    """

    def __init__(  # noqa: PLR0913 - one keyword a power
        self,
        name: str,
        *,
        inputs: Mapping[str, Any] | Callable[..., Any] | None = None,
        limit: int | Limit | None = None,
        timeout: float | None = None,
        executor: str | None = None,
        fail_fast: bool = True,
        on_success: Callable[[Any], Any] | None = None,
        on_failure: Callable[[Any], Any] | None = None,
        on_cancel: Callable[[Any], Any] | None = None,
        on_change: OnChange | None = None,
        resources: Mapping[str, Any] | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> None:
        with at():
            check_name(name, "a workflow")
            check_settings(f"workflow {name!r}", limit=limit, timeout=timeout, executor=executor, inputs=inputs, tags=tags,
                resources=resources, on_success=on_success, on_failure=on_failure, on_cancel=on_cancel,
                on_change=on_change)  # fmt: skip
            self._declared = declared_inputs(inputs, name)
        self.said, self.name = here(), name
        self.limit, self.under = bounds_of_runs(limit, f"workflow {name!r}")
        self.timeout, self.executor = timeout, executor
        self.fail_fast, self.on_change = fail_fast, on_change
        self.hooks = {"completed": on_success, "failed": on_failure, "cancelled": on_cancel}
        self.resources, self.tags = dict(resources or {}), dict(tags or {})
        self.latest: Run[Any] | None = None
        self.module = sys._getframe(1).f_globals.get("__name__", "")
        self._places: dict[str, Place] = {}
        self._program: GraphProgram | None = None
        self._inputs: dict[str, Parameter] = {}
        self._token: Token[Any] | None = None

    # Building

    def add_task(
        self,
        task: Task[P, R] | Callable[P, R],
        depends_on: str | Task[..., Any] | Iterable[str | Task[..., Any]] | None = (),
        *,
        name: str | None = None,
        values: Mapping[str, Any] | None = None,
        when: Callable[..., bool] | None = None,
        trigger: Trigger = "all_succeeded",
        **options: Unpack[Options],
    ) -> Task[P, R]:
        """Add a task (or an ordinary function) under its name; the task that belongs to this workflow is returned.

        `depends_on` names upstream tasks: their results arrive as the parameters of the same name (all of them in `**kwargs`).
        `values` are arguments written into the workflow. `when` is asked, with results and inputs by parameter name, whether
        the task is to run; it must be quick and have no effects. `trigger` says when it runs at all, given how its upstream
        tasks ended.
        """
        with at():
            check_place(trigger, when, values)
            given: Task[Any, Any] = as_task(task)
            made: Task[P, R] = given.named(given.name if name is None else name, **options)
            place = Place(made)
            self._add(made.name, place, depends_on)
        made.flow = self
        place.follow_what_it_goes_over(self._places)
        place.values = dict(values or {})
        place.when = when
        place.trigger = trigger
        return made

    def add_workflow(
        self,
        flow: Definition,
        *,
        name: str | None = None,
        depends_on: str | Task[..., Any] | Iterable[str | Task[..., Any]] = (),
        values: Mapping[str, Any] | None = None,
        own_run: bool = False,
        queue: str | None = None,
    ) -> str:
        """Add another workflow, of any style, as one step; its inputs are bound as a task's parameters are. Returns its name.

        A process's value is the dict of its outputs. `own_run` makes it a run of its own, which `queue` leaves to workers.
        """
        with at():
            check_place(flow=flow, values=values)
            place = Place(None, flow)
            place.own = own_child(flow, own_run=own_run, queue=queue)
            name = name or str(getattr(flow, "name", "") or flow.as_program().name)
            self._add(name, place, depends_on)
        place.values = dict(values or {})
        return name

    @overload
    def task(self, fn: Callable[P, R], /) -> Task[P, R]: ...
    @overload
    def task(
        self,
        /,
        *,
        depends_on: str | Task[..., Any] | Iterable[str | Task[..., Any]] | None = (),
        name: str | None = None,
        values: Mapping[str, Any] | None = None,
        when: Callable[..., bool] | None = None,
        trigger: Trigger = "all_succeeded",
        **options: Unpack[Options],
    ) -> Callable[[Callable[P, R]], Task[P, R]]: ...
    def task(self, fn: Any = None, /, **options: Any) -> Any:
        """`@flow.task` or `@flow.task(depends_on=[...])`: make a function a task of this workflow."""
        if fn is not None:
            return self.add_task(fn)
        return lambda function: self.add_task(function, **options)

    def link(self, upstream: Any, downstream: Any) -> None:
        """Make one task depend on another (`a >> b`); a task that does not belong here yet is added."""
        with at():
            before, after = self._belonging(upstream), self._belonging(downstream)
        place = self._places[after]
        place.depends_on.setdefault(before)
        self._program = None

    def __enter__(self) -> Workflow:
        """Inside the block, `a >> b` adds tasks to this workflow."""
        self._token = building.set(self)
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if self._token is not None:
            building.reset(self._token)
        if kind is None:
            self.check()

    def _add(self, name: str, place: Place, depends_on: Any) -> None:
        check_name(name, "a task")
        if name in self._places:
            raise DefinitionError(
                f"workflow {self.name!r} has a task {name!r} already; give this one another name: add_task(..., name=...)"
            )
        check_place_name(name)
        place.depends_on = dict.fromkeys(names_of(depends_on))
        place.said = here()
        self._places[name] = place
        self._program = None

    def _belonging(self, what: Any) -> str:
        if isinstance(what, Task) and what.flow is not self:
            known = self._places.get(what.name)
            if known is None:
                return self.add_task(what).name
            if known.task is not None and known.task.fn is not what.fn:
                raise DefinitionError(
                    f"workflow {self.name!r} has another task named {what.name!r}; give one of them another name"
                )
            return what.name
        name = name_of(what)
        if name not in self._places:
            raise DefinitionError(
                f"workflow {self.name!r} has no task {name!r}{self._blueprint().hint(name)}"
            )
        return name

    # Checking

    def check(self) -> None:
        """Raise DefinitionError for whatever cannot work."""
        self.as_program()

    def as_program(self) -> GraphProgram:
        """The checked graph, ready to be played."""
        if self._program is None:
            with at(self.said):
                nodes, self._inputs = self._blueprint().compile()
            hooks = {kind: Do(f"@on_{kind}", fn) for kind, fn in self.hooks.items() if fn is not None}
            self._program = GraphProgram(
                self.name,
                nodes,
                fail_fast=self.fail_fast,
                limit=self.limit,
                timeout=self.timeout,
                hooks=hooks,
            )
            self._program.under = self.under
        return self._program

    def _blueprint(self) -> Blueprint:
        return Blueprint(self.name, self._places, self._declared, self.resources, self.executor)

    def annotations(self) -> list[Any]:
        """Every type its tasks' signatures name: the classes that recorded values may come back as."""
        return [each for place in self._places.values() for each in place.annotations()]

    def modules(self) -> set[str]:
        """Where it and its tasks were written: classes from there may come back from a store."""
        found = {self.module}
        for place in self._places.values():
            if place.flow is not None:
                found |= getattr(place.flow, "modules", set)()
            elif place.task is not None:
                found.add(getattr(place.task.fn, "__module__", None) or self.module)
        return found - {"", "builtins"}

    @property
    def inputs(self) -> dict[str, Parameter]:
        """What a run is given by name, with types and defaults."""
        self.as_program()
        return self._inputs

    @property
    def defaults(self) -> dict[str, Any]:
        """What declared inputs are that are not given; defaults of tasks' own parameters stay with the tasks."""
        declared = self._declared or {}
        return {name: each.default for name, each in declared.items() if not each.required}

    # Running

    def using(
        self,
        *,
        store: str | Engine | None = None,
        key: str | None = None,
        tags: Mapping[str, str] | None = None,
        timeout: float | None = None,
    ) -> Launcher:
        """Say how to run it: the store ("ephemeral" keeps nothing), an idempotency key, tags, a limit of the run's time."""
        return Launcher(self, store, key, {**self.tags, **(tags or {})}, timeout)

    def run(self, **inputs: Any) -> Any:
        """Run it on this thread and return its result: `start(...).result()` without a hop between threads."""
        return self.using().run(**inputs)

    def start(self, **inputs: Any) -> Run[Any]:
        """Start a run in the background and return its handle."""
        return self.using().start(**inputs)

    def submit(
        self, *, queue: str = "default", priority: int = 0, delay: float | None = None, **inputs: Any
    ) -> Run[Any]:
        """Record a run for a worker to take (`penstock worker`) and return its handle. See Engine.submit."""
        return self.using().submit(queue=queue, priority=priority, delay=delay, **inputs)

    async def run_async(self, **inputs: Any) -> Any:
        """Run it on the running event loop: async tasks there, sync tasks in threads."""
        return await self.using().run_async(**inputs)

    async def start_async(self, **inputs: Any) -> Run[Any]:
        """Start a run on the running event loop and return its handle."""
        return await self.using().start_async(**inputs)

    def __repr__(self) -> str:
        return f"<Workflow {self.name}: {len(self._places)} tasks>"
