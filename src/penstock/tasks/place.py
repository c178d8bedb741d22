"""What was said of each task where it was put into a workflow."""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping
from typing import Any, NamedTuple, Protocol, get_args

from penstock.context.places import Spot
from penstock.errors import DefinitionError
from penstock.model.child import Child
from penstock.model.graph import nearest
from penstock.model.parameters import Parameter, hints_of
from penstock.model.program import Program, Sleep, Wait
from penstock.model.wording import listed, shown
from penstock.tasks.node import Trigger
from penstock.tasks.work import Work


class Nested(Protocol):
    """A definition of any style inside a workflow of tasks; it may say what its inputs are."""

    def as_program(self) -> Program: ...


def inputs_of(flow: Nested) -> dict[str, Parameter]:
    """What a run of it is given by name; of a style that does not say, nothing."""
    found = getattr(flow, "inputs", {})
    return {name: Parameter(name, each.annotation, each.default) for name, each in found.items()}


class Pause(NamedTuple):
    """A step that waits: what it asks for, the type that its value is to have, and how that is made."""

    ask: Wait | Sleep
    type: Any = None
    convert: Callable[[Any], Any] | None = None
    optional: bool = False


class Place:
    """A task (or another workflow, or a wait) in a workflow, with all that was said of it there."""

    __slots__ = ("depends_on", "flow", "own", "pause", "said", "task", "trigger", "values", "when")

    def __init__(self, task: Work | None, flow: Nested | None = None, pause: Pause | None = None) -> None:
        self.task = task
        self.flow = flow
        self.own: Child | None = None  # of a workflow that is a run of its own
        self.pause = pause
        self.said: Spot | None = None
        self.depends_on: dict[str, None] = {}  # names in the order said; many may be linked one by one
        self.values: dict[str, Any] = {}
        self.when: Callable[..., bool] | None = None
        self.trigger: Trigger = "all_succeeded"

    def annotations(self) -> list[Any]:
        """Every type that its value and its arguments may have."""
        if self.flow is not None:
            return list(getattr(self.flow, "annotations", list)())
        if self.task is not None:
            return list(hints_of(self.task.fn).values())
        return [] if self.pause is None else [self.pause.type]

    def follow_what_it_goes_over(self, places: Container[str]) -> None:
        """Of these tasks it depends on those that it goes over."""
        for source in () if self.task is None else (self.task.over or {}).values():
            name = source.name if isinstance(source, Work) else source
            if isinstance(name, str) and name in places:
                self.depends_on.setdefault(name)


def check_place_name(name: str) -> None:
    """Raise DefinitionError for what cannot name a task among the steps of a run."""
    if "/" in name or "@" in name:
        raise DefinitionError(f"{name!r} cannot name a task: '/' and '@' stand for something else, say '-'")


def check_place(
    trigger: Any = "all_succeeded", when: Any = None, values: Any = None, flow: Any = None
) -> None:
    """Raise DefinitionError for what may not be said of a task's place in a workflow."""
    if trigger not in get_args(Trigger):
        close = nearest(str(trigger), get_args(Trigger))
        hint = f"did you mean {close!r}?" if close else f"there are {listed(map(repr, get_args(Trigger)))}"
        raise DefinitionError(f"trigger={shown(trigger)} is none; {hint}")
    if when is not None and not callable(when):
        raise DefinitionError(f"when={shown(when)} must be a function that says whether the task is to run")
    if values is not None and not isinstance(values, Mapping):
        raise DefinitionError(f"values={shown(values)} must be a dict of parameters and their values")
    if flow is not None and not hasattr(flow, "as_program"):
        raise DefinitionError(
            f"{shown(flow)} is no workflow: give a Workflow, a process or a flow, or say add_task(...)"
        )
