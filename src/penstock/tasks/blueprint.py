"""From what was said of a workflow to a checked graph: every argument has a source, every dependency a task, no circles."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextvars import ContextVar
from typing import Any

import msgspec

from penstock.context.places import at, spot_of
from penstock.errors import DefinitionError
from penstock.model.child import CHILD_POLICY
from penstock.model.graph import cycle, nearest
from penstock.model.parameters import Parameter, Signature, resolve_annotations, signature_of
from penstock.model.policies import Policy
from penstock.model.wording import MOST, listed, shown
from penstock.tasks.binding import Around, bind, check_connection
from penstock.tasks.node import Node, Source
from penstock.tasks.options import policy_of
from penstock.tasks.place import Nested, Pause, Place, inputs_of
from penstock.tasks.undoing import undone_by
from penstock.tasks.work import Work

_compiling: ContextVar[tuple[Mapping[str, Place], ...]] = ContextVar("penstock_compiling", default=())
"""The tasks of the workflows that are being checked here, one inside the other."""


class Blueprint:
    """What a workflow is made of. `declared` are its inputs, or None if inputs are whatever nobody else provides."""

    def __init__(
        self,
        name: str,
        places: Mapping[str, Place],
        declared: Mapping[str, Parameter] | None,
        resources: Mapping[str, Any],
        executor: str | None,
    ) -> None:
        self.name = name
        self.places = places
        self.declared = declared
        self.resources = resources
        self.executor = executor

    def hint(self, name: str) -> str:
        """What a name nobody has may have been meant to be."""
        close = nearest(name, self.places)
        return f"; did you mean {close!r}?" if close else f"; it has {listed(self.places) or 'none'}"

    def needs(self) -> dict[str, Sequence[str]]:
        """What each task depends on."""
        return {name: tuple(place.depends_on) for name, place in self.places.items()}

    def compile(self) -> tuple[list[Node], dict[str, Parameter]]:
        """The nodes of the graph, and the run's inputs.

        Raises the first DefinitionError there is; its cause is a group of all others.
        """
        problems = self._problems_of_dependencies()
        asked: dict[str, Parameter] = {}
        if any(each is self.places for each in _compiling.get()):
            raise DefinitionError(
                f"workflow {self.name!r} holds itself: it would never end; take this add_workflow(...) out"
            )
        outer = _compiling.set((*_compiling.get(), self.places))
        try:
            nodes = list(self._nodes(asked, problems))
        finally:
            _compiling.reset(outer)
        _raise_first(problems)
        return nodes, asked if self.declared is None else _as_declared(self.declared, asked)

    def _problems_of_dependencies(self) -> list[DefinitionError]:
        if not self.places:
            raise DefinitionError(f"workflow {self.name!r} has no tasks; add one with add_task(...)")
        problems = [
            _problem(
                f"task {name!r} depends on {each!r}, which is no task of workflow {self.name!r}{self.hint(each)}",
                place,
            )
            for name, place in self.places.items()
            for each in place.depends_on
            if each not in self.places
        ]
        loop = [] if problems else cycle(self.needs())
        if loop:
            said = f"workflow {self.name!r} runs in a circle: {_way(loop)}; remove one of these dependencies"
            problems.append(_problem(said, self.places[loop[0]]))
        return problems

    def _nodes(self, asked: dict[str, Parameter], problems: list[DefinitionError]) -> Iterator[Node]:
        """A node a task; one that cannot be adds to the problems, unless its dependencies already do."""
        for name, place in self.places.items():
            if problems and not all(each in self.places for each in place.depends_on):
                continue
            try:
                with at(place.said):
                    node = self._node(name, place, asked)
            except DefinitionError as error:
                problems.append(error)
            else:
                yield node

    def _node(self, name: str, place: Place, asked: dict[str, Parameter]) -> Node:
        if place.flow is not None:
            return self._flow_node(name, place, place.flow, asked)
        if place.pause is not None:
            return self._pause_node(name, place, place.pause, asked)
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
        policy = undone_by(policy, task.options, task.fn, name, self.resources)
        return Node(
            name, self._function(task), tuple(place.depends_on), bindings, signature.everything, tuple(over.items()),
            task.window, task.partial, None, place.when, self._condition(name, place, asked), place.trigger,
            bool(task.options.get("optional")), policy,
        )  # fmt: skip

    def _flow_node(self, name: str, place: Place, flow: Nested, asked: dict[str, Parameter]) -> Node:
        bindings, inputs = self._bind(name, Signature(inputs_of(flow), everything=False), place, {})
        _merge(asked, inputs, {}, self.name)
        if place.own is not None:
            flow.as_program()  # so that it is checked now
            return Node(name, place.own, tuple(place.depends_on), bindings, policy=CHILD_POLICY)
        defaults = getattr(flow, "defaults", {})
        return Node(
            name, None, tuple(place.depends_on), bindings, program=flow.as_program(), defaults=defaults
        )

    def _pause_node(self, name: str, place: Place, pause: Pause, asked: dict[str, Parameter]) -> Node:
        return Node(
            name, None, tuple(place.depends_on), when=place.when, when_bindings=self._condition(name, place, asked),
            trigger=place.trigger, optional=pause.optional, waits=pause.ask, convert=pause.convert,
        )  # fmt: skip

    def _condition(
        self, name: str, place: Place, asked: dict[str, Parameter]
    ) -> tuple[tuple[str, Source], ...]:
        """Where the arguments of a task's condition come from."""
        if place.when is None:
            return ()
        signature = signature_of(place.when, f"the condition of {name!r}")
        bindings, wanted = self._bind(name, signature, Place(None), {}, place.depends_on)
        _merge(asked, wanted, {}, self.name)
        return bindings

    def _bind(
        self,
        name: str,
        signature: Signature,
        place: Place,
        over: Mapping[str, Source],
        upstream: Collection[str] | None = None,
    ) -> tuple[tuple[tuple[str, Source], ...], dict[str, Parameter]]:
        around = Around(place.depends_on if upstream is None else upstream, self.places, self.declared)
        return bind(name, signature, around, values=place.values, over=over)

    def _signature(self, task: Work) -> Signature:
        with at(spot_of(task.fn)):
            signature = signature_of(task.fn, f"task {task.name!r}")
        if task.options.get("transaction"):
            check_connection(signature, task.name)
        given = self._given(task)
        if not given:
            return signature
        kept = {name: p for name, p in signature.parameters.items() if name not in given}
        return Signature(kept, signature.everything)

    def _given(self, task: Work) -> set[str]:
        """Parameters that a step is given when it runs: resources, and its transaction's connection."""
        return {*self.resources, "connection"} if task.options.get("transaction") else {*self.resources}

    def _function(self, task: Work) -> Callable[..., Any]:
        resources = set(self.resources) - ({"connection"} if task.options.get("transaction") else set())
        names = resources & signature_of(task.fn, task.name).parameters.keys() if resources else set()
        if not names:
            return task.fn
        from penstock.context import with_resources

        return with_resources(task.fn, {name: self.resources[name] for name in names})

    def _source(self, task: str, source: Any, place: Place) -> Source:
        """What a map goes over: the result of a task, an input, or a value as it stands."""
        if isinstance(source, Work):
            source = source.name
        if not isinstance(source, str):
            if not isinstance(source, Iterable):
                raise DefinitionError(
                    f"task {task!r} maps over {shown(source)}, which is {type(source).__name__}: give it a list, or the name"
                    " of a task or an input"
                )
            return ("value", source)
        if source in self.places:
            place.depends_on.setdefault(source)
            return ("task", source)
        if self.declared is not None and source not in self.declared:
            raise DefinitionError(
                f"task {task!r} maps over {source!r}, which is neither a task nor an input{self.hint(source)}"
            )
        return ("input", source)


def declared_inputs(inputs: Any, flow: str) -> dict[str, Parameter] | None:
    if inputs is None:
        return None
    if callable(inputs):
        return resolve_annotations(
            inputs, signature_of(inputs, f"the inputs of workflow {flow!r}").parameters
        )
    return {name: Parameter(name, annotation, inspect.Parameter.empty) for name, annotation in inputs.items()}


def _problem(message: str, place: Place) -> DefinitionError:
    try:
        with at(place.said):
            raise DefinitionError(message)
    except DefinitionError as error:
        return error


def _raise_first(problems: Sequence[DefinitionError]) -> None:
    if len(problems) > 1:
        raise problems[0] from ExceptionGroup("the workflow has other problems, too", problems[1:])
    if problems:
        raise problems[0]


def _way(loop: Sequence[str]) -> str:
    """A circle, shortened in its middle where it is long."""
    return " -> ".join(loop if len(loop) <= MOST else [*loop[: MOST // 2], "…", *loop[-MOST // 2 :]])


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
    return msgspec.structs.replace(policy, executor=executor)
