"""A process as a definition: what the engine, the catalogue and the command line ask of one.

A process that was made with arguments is made with the same ones when its run is taken up again; they are recorded with the
run's input, under `MADE_WITH`.
"""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from penstock.errors import DefinitionError, InputError
from penstock.model.limits import Limit
from penstock.model.wording import guess
from penstock.processes.program import ProcessProgram
from penstock.processes.sealing import check_key
from penstock.processes.secrets import STARS, Sealed

if TYPE_CHECKING:
    from typing import Self

    from penstock.model.outline import Graph
    from penstock.processes.parameters import Parameter
    from penstock.processes.sets import ParameterSet

MADE_WITH: Final = "@made with"


class Input(NamedTuple):
    """One input of a process, as the command line and the catalogue know it."""

    name: str
    annotation: Any
    default: Any
    description: str
    sensitive: bool = False

    @property
    def required(self) -> bool:
        return self.default is inspect.Parameter.empty


class Offering:
    """The part of a process that is a definition."""

    input: ParameterSet
    output: ParameterSet
    name: str
    _made: tuple[tuple[Any, ...], dict[str, Any]] | None = None
    _own: ProcessProgram | None = None
    _mine: ProcessProgram | None = None
    _durable: bool

    def __new__(cls, *args: Any, **kwargs: Any) -> Self:
        self = super().__new__(cls)
        if args or kwargs:
            self._made = (args, kwargs)
        return self

    def as_program(self) -> ProcessProgram:
        """The program of its class, or of processes made as this one was; while a run of its own begins, that of the run."""
        if self._own is not None:
            return self._own
        if self._made is None:
            return program_of(type(self))
        if self._mine is None:
            shared = program_of(type(self))
            maker = _maker(type(self), self._made)
            self._mine = ProcessProgram(shared.name, shared.version, maker, under=shared.under)
        return self._mine

    def as_graph(self, input: Any = None) -> Graph | None:
        """Its groups of children, for what it was given, or for what a run was given. See Outlined."""
        from penstock.processes.outline import outline_of

        return outline_of(self._filled) if input is None else self.as_program().as_graph(input)

    def _filled(self) -> Self:
        made = self.again()
        made.input.fill(self.input.recorded(durable=False))
        return made

    @property
    def inputs(self) -> dict[str, Input]:
        """What a run is given by name, with types and defaults."""
        return {name: _offered(each) for name, each in self.input.items()}

    @property
    def outputs(self) -> dict[str, Input]:
        """What comes of a run, by name."""
        return {name: _offered(each) for name, each in self.output.items()}

    def annotations(self) -> list[Any]:
        """The types that recorded values may come back as."""
        return [Sealed, *(each.param_type for those in (self.input, self.output) for each in those.values())]

    def modules(self) -> set[str]:
        """Where it was written: classes from there may come back from a store."""
        return {kind.__module__ for kind in type(self).__mro__ if not _is_ours(kind)}

    def taken(self, inputs: Any, durable: bool) -> Any:
        """What a run is given for these inputs: a record of them, or a live process where nothing is kept.

        Raises InputError, ParameterTypeError, and SettingsError if a sensitive value could not be sealed.
        """
        if isinstance(inputs, Offering):
            return inputs
        given = dict(inputs or {})
        for name in given:
            if name not in self.input:
                raise InputError(
                    f"process {self.name!r} has no input {name!r}; {guess(name, self.input, 'it has')}"
                )
        fresh = self.input.renewed()
        fresh.fill(self.input.recorded(durable=False) | given)
        if not durable:
            made = self.again()
            made.input.restore(fresh.recorded(durable=False))
            return made
        for name in [*self.input.sensitive, *self.output.sensitive]:
            check_key(f"parameter {name!r} of process {self.name!r}")
        self.check_recoverable()
        record = fresh.recorded(durable=True)
        known = self._made is None or _held_by_module(self)
        return record if known else {**record, MADE_WITH: list(self._made or ())}

    def again(self) -> Self:
        """Another process, made as this one was."""
        args, kwargs = self._made or ((), {})
        return type(self)(*args, **kwargs)

    def check_recoverable(self) -> None:
        """Raise DefinitionError if a run of it could not be taken up from its log."""
        if self._made is None or _held_by_module(self):
            return
        kind = type(self)
        try:
            inspect.signature(kind).bind()
        except TypeError:
            raise DefinitionError(
                f"a run of {kind.__qualname__} could not be taken up after a crash: the class is made anew from its file,"
                " without arguments. Give the parameters of its __init__ defaults, or hold the process in a variable of"
                " its module"
            ) from None


def _offered(parameter: Parameter) -> Input:
    empty = inspect.Parameter.empty
    default = empty if parameter.required and parameter.default is None else parameter.default
    if parameter.sensitive and default is not empty and default is not None:
        default = STARS
    return Input(parameter.name, parameter.param_type, default, parameter.description, parameter.sensitive)


def program_of(kind: type[Any]) -> ProcessProgram:
    """The program that all processes of a class share."""
    found = kind.__dict__.get("_program")
    if found is None:
        under = kind.limit if kind.orchestrates and isinstance(kind.limit, Limit) else None
        found = ProcessProgram(kind.__name__, _version(kind), _maker(kind), under=under)
        kind._program = found
    return found


def own_program(process: Any) -> ProcessProgram:
    """A program that works on this process."""
    shared = program_of(type(process))
    return ProcessProgram(shared.name, shared.version, shared.make, process, shared.under)


def _version(kind: type[Any]) -> str:
    """What children there are is told by the log: they may depend on the inputs."""
    said = f"{'orchestrated' if kind.orchestrates else 'atomic'} {kind.__qualname__}"
    return hashlib.sha256(said.encode()).hexdigest()[:16]


def _maker(kind: type[Any], made_with: tuple[Any, Any] = ((), {})) -> Any:
    def make(record: Mapping[str, Any]) -> Any:
        args, kwargs = record.get(MADE_WITH) or made_with
        process = kind(*args, **kwargs)
        process._durable = True
        process.input.fill({name: value for name, value in record.items() if name != MADE_WITH})
        return process

    return make


def _held_by_module(process: Any) -> bool:
    import sys

    module = sys.modules.get(type(process).__module__)
    return any(value is process for value in list(vars(module).values())) if module is not None else False


def _is_ours(kind: type) -> bool:
    return kind.__module__ in ("builtins", "abc") or kind.__module__.startswith("penstock.")
