"""A workflow as one executor of tasks runs it: where plain tasks run, how many at once, and what is put in place of some."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Protocol

import msgspec

from penstock.context import is_async
from penstock.tasks.launcher import Launchable
from penstock.tasks.node import Node
from penstock.tasks.program import GraphProgram
from penstock.tasks.transitions import Listener

if TYPE_CHECKING:
    from penstock.app.run import Run
    from penstock.model.parameters import Parameter
    from penstock.tasks.work import Work


class Arrangeable(Launchable, Protocol):
    """What an arrangement, and the executor that makes it, need of a workflow."""

    module: str
    tags: dict[str, str]

    @property
    def tasks(self) -> Mapping[str, Work]: ...
    def annotations(self) -> list[Any]: ...
    def modules(self) -> set[str]: ...


class Arrangement:
    """Launchable in place of its workflow, and to the engine a definition of the same name; state is shown on the workflow."""

    def __init__(self, flow: Arrangeable, program: GraphProgram, listener: Listener | None = None) -> None:
        self._flow = flow
        self._program = program
        self._listener = listener or flow.listener()
        self.name = flow.name
        self.module = flow.module
        self.said = flow.said

    @property
    def latest(self) -> Run[Any] | None:
        return self._flow.latest

    @latest.setter
    def latest(self, run: Run[Any] | None) -> None:
        self._flow.latest = run

    @property
    def inputs(self) -> dict[str, Parameter]:
        return self._flow.inputs

    @property
    def defaults(self) -> dict[str, Any]:
        return self._flow.defaults

    def as_program(self) -> GraphProgram:
        return self._program

    def annotations(self) -> list[Any]:
        return self._flow.annotations()

    def modules(self) -> set[str]:
        return self._flow.modules()

    def listener(self) -> Listener | None:
        return self._listener


def arranged(
    program: GraphProgram,
    executor: str | None,
    limit: int | None,
    replace: Callable[[Node], Node] | None = None,
) -> GraphProgram:
    """The same graph, its plain functions that name no executor run by `executor`, so many steps at once, nodes replaced."""
    nodes: Iterable[Node] = [_on(node, executor) for node in program.nodes.values()]
    if replace is not None:
        nodes = map(replace, nodes)
    limits = [each for each in (program.limit, limit) if each is not None]
    return GraphProgram(
        program.name,
        list(nodes),
        fail_fast=program.fail_fast,
        limit=min(limits, default=None),
        timeout=program.timeout,
        hooks=program.hooks,
    )


def _on(node: Node, executor: str | None) -> Node:
    if isinstance(node.program, GraphProgram):
        return msgspec.structs.replace(node, program=arranged(node.program, executor, None))
    if executor is None or node.fn is None or node.policy.executor is not None or is_async(node.fn):
        return node
    return msgspec.structs.replace(node, policy=msgspec.structs.replace(node.policy, executor=executor))
