"""A workflow of tasks: built by adding tasks, checked as a whole before its first run, run by an engine."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextvars import Token
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar, Unpack, get_args

from penstock.errors import DefinitionError
from penstock.model.graph import cycle, layers, nearest
from penstock.model.policies import Policy
from penstock.model.program import Do
from penstock.tasks.binding import Parameter, Signature, bind, signature_of
from penstock.tasks.inputs import bind_inputs, hints_of, resolve_annotations
from penstock.tasks.options import Options, policy_of
from penstock.tasks.program import GraphProgram, Node, Source, Trigger
from penstock.tasks.task import Task, as_task, building

if TYPE_CHECKING:
    from penstock.app import Engine
    from penstock.app.run import Run

P = ParamSpec("P")
R = TypeVar("R")


class Place:
    """A task (or another workflow) in a workflow, with all that was said of it there."""

    __slots__ = ("depends_on", "flow", "task", "trigger", "values", "when")

    def __init__(self, task: Task[..., Any] | None, flow: Workflow | None = None) -> None:
        self.task = task
        self.flow = flow
        self.depends_on: list[str] = []
        self.values: dict[str, Any] = {}
        self.when: Callable[..., bool] | None = None
        self.trigger: Trigger = "all_succeeded"


class Workflow:
    """Tasks and what they depend on.

    `inputs` declares the run's inputs (name -> type, or a function whose parameters they are); left out, every parameter that
    no task provides is an input. `limit` bounds how many steps of a run are in flight; `timeout` is the run's time in seconds.
    `executor` is where tasks run that name none. `fail_fast=False` lets independent branches finish before a failed run ends.
    `on_success`, `on_failure`, `on_cancel` are called, as recorded steps, with the result, the failure, or the reason.

    Everything is checked at the latest when the first run starts, and by `check()`: cycles, unknown or forgotten dependencies,
    names used twice, arguments nobody provides; each is a DefinitionError that says what to do.
    """

    def __init__(  # noqa: PLR0913 - one keyword a power
        self,
        name: str,
        *,
        inputs: Mapping[str, Any] | Callable[..., Any] | None = None,
        limit: int | None = None,
        timeout: float | None = None,
        executor: str | None = None,
        fail_fast: bool = True,
        on_success: Callable[[Any], Any] | None = None,
        on_failure: Callable[[Any], Any] | None = None,
        on_cancel: Callable[[Any], Any] | None = None,
        resources: Mapping[str, Any] | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> None:
        if not name or not isinstance(name, str):
            raise DefinitionError(f"a workflow needs a name; {name!r} is none")
        if limit is not None and limit < 1:
            raise DefinitionError(f"workflow {name!r}: limit={limit!r} must be at least 1, or None")
        if timeout is not None and timeout <= 0:
            raise DefinitionError(f"workflow {name!r}: timeout={timeout!r} must be above 0 seconds, or None")
        self.name = name
        self.limit = limit
        self.timeout = timeout
        self.executor = executor
        self.fail_fast = fail_fast
        self.hooks = {"completed": on_success, "failed": on_failure, "cancelled": on_cancel}
        self.resources = dict(resources or {})
        self.tags = dict(tags or {})
        self.latest: Run[Any] | None = None
        self.module = sys._getframe(1).f_globals.get("__name__", "")
        self._declared = _declared(inputs, name)
        self._places: dict[str, Place] = {}
        self._program: GraphProgram | None = None
        self._inputs: dict[str, Parameter] = {}
        self._token: Token[Workflow | None] | None = None

    # Building

    def add_task(
        self,
        task: Task[P, R] | Callable[P, R],
        *,
        name: str | None = None,
        depends_on: str | Task[..., Any] | Iterable[str | Task[..., Any]] = (),
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
        if trigger not in get_args(Trigger):
            close = nearest(trigger, get_args(Trigger))
            raise DefinitionError(
                f"trigger={trigger!r} is none; {f'did you mean {close!r}?' if close else ', '.join(get_args(Trigger))}"
            )
        given: Task[Any, Any] = as_task(task)
        made: Task[P, R] = given.named(name or given.name, **options)
        place = Place(made)
        self._add(made.name, place, depends_on)
        made.flow = self
        for source in (made.over or {}).values():
            if (
                isinstance(source, str | Task)
                and (upstream := _name(source)) in self._places
                and upstream not in place.depends_on
            ):
                place.depends_on.append(upstream)
        place.values = dict(values or {})
        place.when = when
        place.trigger = trigger
        return made

    def add_workflow(
        self,
        flow: Workflow,
        *,
        name: str | None = None,
        depends_on: str | Task[..., Any] | Iterable[str | Task[..., Any]] = (),
        values: Mapping[str, Any] | None = None,
    ) -> str:
        """Add another workflow as one step; its inputs are bound as a task's parameters are. Returns its name here."""
        place = Place(None, flow)
        name = name or flow.name
        self._add(name, place, depends_on)
        place.values = dict(values or {})
        return name

    def task(self, fn: Callable[P, R] | None = None, /, **options: Any) -> Any:
        """`@flow.task` or `@flow.task(depends_on=[...])`: make a function a task of this workflow."""
        if fn is not None:
            return self.add_task(fn)
        return lambda function: self.add_task(function, **options)

    def link(self, upstream: Any, downstream: Any) -> None:
        """Make one task depend on another (`a >> b`); a task that does not belong here yet is added."""
        before, after = self._belonging(upstream), self._belonging(downstream)
        place = self._places[after]
        if before not in place.depends_on:
            place.depends_on.append(before)
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
        if name in self._places:
            raise DefinitionError(
                f"workflow {self.name!r} has a task {name!r} already; give this one another name: add_task(..., name=...)"
            )
        if not name or "/" in name or "@" in name:
            raise DefinitionError(
                f"workflow {self.name!r}: {name!r} cannot name a task; '/' and '@' stand for something else"
            )
        place.depends_on = [_name(each) for each in _several(depends_on)]
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
        name = _name(what)
        if name not in self._places:
            raise DefinitionError(f"workflow {self.name!r} has no task {name!r}{self._hint(name)}")
        return name

    # Checking

    def check(self) -> None:
        """Raise DefinitionError for whatever cannot work."""
        self.as_program()

    def as_program(self) -> GraphProgram:
        """The checked graph, ready to be played."""
        if self._program is None:
            self._program = self._compile()
        return self._program

    def annotations(self) -> list[Any]:
        """Every type its tasks' signatures name: the classes that recorded values may come back as."""
        found: list[Any] = []
        for place in self._places.values():
            if place.flow is not None:
                found.extend(place.flow.annotations())
            elif place.task is not None:
                found.extend(hints_of(place.task.fn).values())
        return found

    def modules(self) -> set[str]:
        """Where it and its tasks were written: classes from there may come back from a store."""
        found = {self.module}
        for place in self._places.values():
            if place.flow is not None:
                found |= place.flow.modules()
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

    @property
    def tasks(self) -> dict[str, Task[..., Any]]:
        """The tasks by name, in the order in which they were added."""
        return {name: place.task for name, place in self._places.items() if place.task is not None}

    def get_task(self, name: str) -> Task[..., Any]:
        """A task by name. Raises DefinitionError with the nearest name if there is none."""
        place = self._places.get(name)
        if place is None or place.task is None:
            raise DefinitionError(f"workflow {self.name!r} has no task {name!r}{self._hint(name)}")
        return place.task

    def get_dependencies(self, name: str) -> list[str]:
        """The names a task depends on."""
        self.get_task(name)
        return list(self._places[name].depends_on)

    def get_execution_plan(self) -> list[list[str]]:
        """Tasks by layers: those of one layer may run side by side."""
        self.check()
        return layers(self._needs())

    def _needs(self) -> dict[str, Sequence[str]]:
        return {name: place.depends_on for name, place in self._places.items()}

    def _hint(self, name: str) -> str:
        close = nearest(name, self._places)
        return f"; did you mean {close!r}?" if close else f"; it has {', '.join(self._places) or 'none'}"

    def _compile(self) -> GraphProgram:
        if not self._places:
            raise DefinitionError(f"workflow {self.name!r} has no tasks; add one with add_task(...)")
        needs = self._needs()
        for name, upstream in needs.items():
            for each in upstream:
                if each not in needs:
                    raise DefinitionError(
                        f"task {name!r} depends on {each!r}, which is no task of workflow {self.name!r}{self._hint(each)}"
                    )
        loop = cycle(needs)
        if loop:
            raise DefinitionError(
                f"workflow {self.name!r} runs in a circle: {' -> '.join(loop)}; remove one of these dependencies"
            )
        asked: dict[str, Parameter] = {}
        nodes = [self._node(name, place, asked) for name, place in self._places.items()]
        self._inputs = asked if self._declared is None else _as_declared(self._declared, asked)
        hooks = {kind: Do(f"@on_{kind}", fn) for kind, fn in self.hooks.items() if fn is not None}
        return GraphProgram(
            self.name, nodes, fail_fast=self.fail_fast, limit=self.limit, timeout=self.timeout, hooks=hooks
        )

    def _node(self, name: str, place: Place, asked: dict[str, Parameter]) -> Node:
        if place.flow is not None:
            return self._flow_node(name, place, place.flow, asked)
        task = place.task
        assert task is not None
        signature = self._signature(task)
        over = {
            parameter: self._source(name, source, place) for parameter, source in (task.over or {}).items()
        }
        bindings, inputs = self._bind(name, signature, place, over)
        _merge(asked, resolve_annotations(task.fn, inputs), over, self.name)
        policy = policy_of(task.options)
        if policy.executor is None and self.executor is not None:
            policy = _with_executor(policy, self.executor)
        when_bindings: tuple[tuple[str, Source], ...] = ()
        if place.when is not None:
            when_bindings, wanted = self._bind(
                name,
                signature_of(place.when, f"the condition of {name!r}"),
                Place(None),
                {},
                place.depends_on,
            )
            _merge(asked, wanted, {}, self.name)
        return Node(
            name, self._function(task), tuple(place.depends_on), bindings, signature.everything, tuple(over.items()),
            task.window, task.partial, None, place.when, when_bindings, place.trigger,
            bool(task.options.get("optional")), policy,
        )  # fmt: skip

    def _flow_node(self, name: str, place: Place, flow: Workflow, asked: dict[str, Parameter]) -> Node:
        bindings, inputs = self._bind(name, Signature(flow.inputs, everything=False), place, {})
        _merge(asked, inputs, {}, self.name)
        return Node(name, None, tuple(place.depends_on), bindings, program=flow.as_program())

    def _bind(
        self,
        name: str,
        signature: Signature,
        place: Place,
        over: Mapping[str, Source],
        upstream: Sequence[str] | None = None,
    ) -> tuple[tuple[tuple[str, Source], ...], dict[str, Parameter]]:
        return bind(
            name, signature, upstream=place.depends_on if upstream is None else upstream, tasks=self._places,
            values=place.values, over=over, inputs=self._declared,
        )  # fmt: skip

    def _signature(self, task: Task[..., Any]) -> Signature:
        signature = signature_of(task.fn, f"task {task.name!r}")
        if not self.resources:
            return signature
        kept = {name: p for name, p in signature.parameters.items() if name not in self.resources}
        return Signature(kept, signature.everything)

    def _function(self, task: Task[..., Any]) -> Callable[..., Any]:
        names = (
            set(signature_of(task.fn, task.name).parameters) & set(self.resources)
            if self.resources
            else set()
        )
        if not names:
            return task.fn
        from penstock.context import with_resources

        return with_resources(task.fn, {name: self.resources[name] for name in names})

    def _source(self, task: str, source: Any, place: Place) -> Source:
        """What a map goes over: the result of a task, an input, or a value as it stands."""
        if isinstance(source, Task):
            source = source.name
        if not isinstance(source, str):
            return ("value", source)
        if source in self._places:
            if source not in place.depends_on:
                place.depends_on.append(source)
            return ("task", source)
        if self._declared is not None and source not in self._declared:
            raise DefinitionError(
                f"task {task!r} maps over {source!r}, which is neither a task nor an input{self._hint(source)}"
            )
        return ("input", source)

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

    async def run_async(self, **inputs: Any) -> Any:
        """Run it on the running event loop: async tasks there, sync tasks in threads."""
        return await self.using().run_async(**inputs)

    async def start_async(self, **inputs: Any) -> Run[Any]:
        """Start a run on the running event loop and return its handle."""
        return await self.using().start_async(**inputs)

    def __repr__(self) -> str:
        return f"<Workflow {self.name}: {len(self._places)} tasks>"


class Launcher:
    """A workflow together with how it is to be run. See Workflow.using."""

    def __init__(
        self,
        flow: Workflow,
        store: str | Engine | None,
        key: str | None,
        tags: dict[str, str],
        timeout: float | None,
    ) -> None:
        self._flow = flow
        self._store = store
        self._key = key
        self._tags = tags
        self._timeout = timeout
        self._found: Engine | None = None

    def run(self, **inputs: Any) -> Any:
        """See Workflow.run."""
        return self._kept(self._engine().run(self._flow, self._bound(inputs), **self._how())).result()

    def start(self, **inputs: Any) -> Run[Any]:
        """See Workflow.start."""
        return self._kept(self._engine().start(self._flow, self._bound(inputs), **self._how()))

    async def run_async(self, **inputs: Any) -> Any:
        """See Workflow.run_async."""
        return await (await self.start_async(**inputs)).result_async()

    async def start_async(self, **inputs: Any) -> Run[Any]:
        """See Workflow.start_async."""
        return self._kept(await self._engine().start_async(self._flow, self._bound(inputs), **self._how()))

    def _bound(self, inputs: dict[str, Any]) -> dict[str, Any]:
        return {**self._flow.defaults, **bind_inputs(self._flow.name, self._flow.inputs, inputs)}

    def _how(self) -> dict[str, Any]:
        return {"key": self._key, "tags": self._tags, "timeout": self._timeout}

    def _engine(self) -> Engine:
        """The engine, looked up once."""
        if self._found is None or self._found.closed:
            from penstock.app import engine_at

            self._found = engine_at(self._store)
        return self._found

    def _kept(self, run: Run[Any]) -> Run[Any]:
        self._flow.latest = run
        return run


def _declared(inputs: Any, flow: str) -> dict[str, Parameter] | None:
    if inputs is None:
        return None
    if callable(inputs):
        return resolve_annotations(
            inputs, signature_of(inputs, f"the inputs of workflow {flow!r}").parameters
        )
    return {name: Parameter(name, annotation, inspect.Parameter.empty) for name, annotation in inputs.items()}


def _as_declared(declared: Mapping[str, Parameter], asked: Mapping[str, Parameter]) -> dict[str, Parameter]:
    """Inputs with the types and defaults of their declaration, and those of the tasks where it does not say."""
    found = {}
    for name, parameter in declared.items():
        task = asked.get(name, Parameter(name, inspect.Parameter.empty, None))
        found[name] = Parameter(
            name,
            task.annotation if parameter.annotation is inspect.Parameter.empty else parameter.annotation,
            task.default if parameter.required else parameter.default,
        )
    return found


def _merge(
    asked: dict[str, Parameter], more: Mapping[str, Parameter], over: Mapping[str, Source], flow: str
) -> None:
    """Parameters of one name are one input: required if any task requires it."""
    for kind, what in over.values():
        if kind == "input":
            asked.setdefault(what, Parameter(what, Sequence, inspect.Parameter.empty))
    for name, parameter in more.items():
        known = asked.get(name)
        if known is None or (parameter.required and not known.required):
            asked[name] = parameter


def _with_executor(policy: Policy, executor: str) -> Policy:
    return Policy(policy.retry, policy.timeout, executor, policy.pure)


def _several(what: Any) -> Iterable[Any]:
    return [what] if isinstance(what, str | Task) else what


def _name(what: str | Task[..., Any]) -> str:
    if isinstance(what, Task):
        return what.name
    if isinstance(what, str):
        return what
    name = getattr(what, "__name__", None)
    if name is None:
        raise DefinitionError(f"{what!r} names no task: give a task or its name")
    return str(name)
