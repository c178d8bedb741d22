"""An orchestrated process: children in groups, and the connections between their parameters."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, ClassVar

from penstock.errors import DefinitionError, UnknownParameter
from penstock.model.wording import guess
from penstock.processes.arranging import Arrangement, arrange
from penstock.processes.flags import ProcessExecutionFlags
from penstock.processes.hiding import hide, watch
from penstock.processes.parameters import Parameter
from penstock.processes.process import Process
from penstock.processes.sealing import check_key


class OrchestratedProcess(Process):
    """Add children and connect parameters in `define_orchestration()`, which may read the inputs.

    It is called once for each instance, when its first execution begins, and again when a run is taken up from its log: it
    must do the same when it is given the same.
    """

    orchestrates: ClassVar[bool] = True
    _arrangement: Arrangement | None = None

    def __init__(self, name: str | None = None) -> None:
        self.children: list[tuple[Process, ProcessExecutionFlags]] = []
        self._connections: list[tuple[Parameter, Parameter]] = []
        super().__init__(name)

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        if "execute_impl" in vars(cls):
            raise DefinitionError(
                f"{cls.__qualname__} is orchestrated, so its work is that of its children: put execute_impl() into an"
                " AtomarProcess and add that in define_orchestration(), or use a hook such as after_children_executed()"
            )

    # What authors write

    def define_orchestration(self) -> None:
        """Add children and connect them."""
        self.orchestrate()

    def orchestrate(self) -> None:
        """An older name of `define_orchestration`."""

    async def execute_impl(self) -> None:
        """The engine runs the children."""

    async def after_children_executed(self) -> None:
        """Called when every child that is waited for has completed, before the outputs are looked at."""

    def add_child(self, process: Process, flags: ProcessExecutionFlags | None = None) -> Process:
        """Add a process as a child: sequential and waited for, if the flags do not say otherwise. Returns it."""
        if not isinstance(process, Process):
            raise DefinitionError(
                f"{self.name!r}: add_child({process!r}) takes a process, such as MyProcess()"
            )
        if process is self or any(process is each for each, _ in self.children[-1:]):
            raise DefinitionError(
                f"{self.name!r}: {process!r} cannot be added here again: make another instance"
            )
        self.children.append((process, flags or ProcessExecutionFlags.SEQUENTIAL))
        return process

    def get_child(self, name: str) -> Process:
        """The child of that name; of several the first. Raises UnknownParameter (a KeyError) if there is none."""
        for child, _ in self.children:
            if child.name == name:
                return child
        names = [child.name for child, _ in self.children]
        raise UnknownParameter(f"{self.name!r} has no child {name!r}; {guess(name, names, 'it has')}")

    def _connect_param(self, source: Parameter, target: Parameter) -> None:
        """Have the value of one parameter assigned to another, just before the process that takes it starts."""
        for each in (source, target):
            if not isinstance(each, Parameter):
                raise DefinitionError(
                    f"{self.name!r}: _connect_param() takes parameters, such as a.output['x'], and was given {each!r}"
                )
        self._connections.append((source, target))

    # For the engine

    def open(self, at: float) -> None:
        """An execution begins."""
        self.begun(at)
        self.input.validate_all()

    def arrange(self) -> Arrangement:
        """The children in groups, with their links: built once, then emptied of what the last execution left."""
        self.input.lock_all()
        made = self._arrangement
        if made is None:
            self.define_orchestration()
            made = self._arrangement = arrange(self, self.children, self._connections)
        else:
            for node in made.nodes.values():
                for link in node.links:
                    node.unit.input[link.target_name].unset()
        for node in made.nodes.values():
            node.unit._durable = self._durable
            if self._durable and (names := node.unit.sensitive()):
                check_key(f"parameter {names[0]!r} of {node.unit.name!r}")
        return made

    async def before_step(self) -> dict[str, Any]:
        """The hook as a step: the inputs as it left them."""
        await self._hooked(self.on_before_execute)
        return self.input.recorded(self._durable)

    async def children_step(self) -> dict[str, Any]:
        """The hook as a step: the outputs as it left them."""
        await self._hooked(self.after_children_executed)
        return self.output.recorded(self._durable)

    async def after_step(self) -> dict[str, Any]:
        """The hook as a step: the outputs as it left them."""
        await self._hooked(self.on_after_execute)
        return self.output.recorded(self._durable)

    async def _hooked(self, hook: Callable[[], Awaitable[None]]) -> None:
        watch(self)
        try:
            await hook()
        except Exception as error:
            hide(self, error)
            raise

    def close(self, at: float) -> dict[str, Any]:
        """An execution has ended well: its outputs."""
        return self.completed(at, self._since(at))
