"""A workflow of another style as a process: its inputs are parameters, what it comes to is the output `result`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from inspect import Parameter as Given
from typing import Any, ClassVar

from penstock.errors import DefinitionError
from penstock.model.failure import Failure
from penstock.model.gates import limit_of
from penstock.model.program import Ask, Definition, End, Plan, Play
from penstock.model.wording import shown
from penstock.processes.parameters import InputParameter, OutputParameter
from penstock.processes.process import Process

RESULT = "result"


class WorkflowProcess(Process):
    """A process that plays a workflow of tasks, a durable function, a flow, or whatever else has a program.

    Its inputs are those that the workflow says it has; `result` is what it comes to. Its steps are steps of the same run.
    """

    orchestrates: ClassVar[bool] = True

    def __init__(self, definition: Definition, name: str | None = None) -> None:
        if isinstance(definition, type) or not hasattr(definition, "as_program"):
            raise DefinitionError(
                f"WorkflowProcess({shown(definition)}) takes a workflow, a flow or a durable function"
            )
        self.definition = definition
        super().__init__(name or definition.as_program().name)

    def define_parameters(self) -> None:
        """What the workflow says of itself."""
        for name, each in getattr(self.definition, "inputs", {}).items():
            required = each.default is Given.empty
            kind = Any if each.annotation is Given.empty else each.annotation
            self.input.add(InputParameter(name, kind, required, None if required else each.default))
        self.output.add(OutputParameter(RESULT))

    async def execute_impl(self) -> None:
        """The engine plays the workflow."""

    def as_program(self) -> EmbeddedProgram:  # type: ignore[override]
        """The workflow's program, told of the process's parameters."""
        return EmbeddedProgram(self)

    def annotations(self) -> list[Any]:
        """See Offering.annotations."""
        return [*super().annotations(), *getattr(self.definition, "annotations", list)()]

    def modules(self) -> set[str]:
        """See Offering.modules."""
        return super().modules() | getattr(self.definition, "modules", set)()

    def given(self) -> dict[str, Any]:
        """What the workflow is given: what was assigned; its own defaults stay with it."""
        self.input.validate_all()
        return {name: each.value for name, each in self.input.items() if each.is_set}


class EmbeddedProgram(Plan):
    """Plays the workflow of a process."""

    def __init__(self, process: WorkflowProcess) -> None:
        inner = process.definition.as_program()
        self.inner = inner
        self.process = process
        self.name, self.version = process.name, inner.version
        self.limit, self.timeout, self.keep, self.calls = inner.limit, inner.timeout, inner.keep, inner.calls
        self.under = limit_of(inner)

    def play(self, input: Any) -> Play:
        process = self.process
        if isinstance(input, Mapping):
            process.input.fill(dict(input))
        process.begun(0.0)
        return EmbeddedPlay(self.inner.play(process.given()), process)


class EmbeddedPlay:
    """Passes everything on; the end is the process's outputs."""

    __slots__ = ("inner", "process")

    def __init__(self, inner: Play, process: WorkflowProcess) -> None:
        self.inner = inner
        self.process = process

    def begin(self, at: float) -> Iterable[Ask]:
        return self._asks(self.inner.begin(at), at)

    def done(self, key: str, value: Any, at: float) -> Iterable[Ask]:
        return self._asks(self.inner.done(key, value, at), at)

    def failed(self, key: str, error: Failure, at: float) -> Iterable[Ask]:
        return self._asks(self.inner.failed(key, error, at), at)

    def _asks(self, asks: Iterable[Ask], at: float) -> list[Ask]:
        return [self._end(ask.value, at) if isinstance(ask, End) else ask for ask in asks]

    def _end(self, value: Any, at: float) -> End:
        outputs = {RESULT: value}
        self.process.settle(outputs, at)
        return End(outputs)
