"""The inputs or the outputs of a process, by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from penstock.errors import DefinitionError, InputError, UnknownParameter
from penstock.model.wording import guess, listed
from penstock.processes.parameters import UNSET, OutputParameter, Parameter
from penstock.processes.secrets import Hidden, Sealed


class ParameterSet(dict[str, Parameter]):
    """Parameters by name: `process.input["n"].value = 3`."""

    __slots__ = ("_whose", "hides")

    def __init__(self, whose: str = "") -> None:
        self._whose = whose
        self.hides = False  # whether one of them is sensitive

    def add(self, parameter: Parameter) -> None:
        """Declare one. Raises DefinitionError for a name that is taken."""
        if parameter.name in self:
            raise DefinitionError(f"{self._whose} has a parameter {parameter.name!r} already: rename one")
        dict.__setitem__(self, parameter.name, parameter)
        self.hides = self.hides or parameter.sensitive

    def __missing__(self, name: str) -> Parameter:
        raise UnknownParameter(
            f"{self._whose or 'it'} has no parameter {name!r}; {guess(name, self, 'it has')}"
        )

    def __setitem__(self, name: str, value: Any) -> None:
        raise UnknownParameter(
            f"{self._whose}: parameters are declared with add(), and their values assigned to .value:"
            f" [{name!r}].value = ..."
        )

    def validate_all(self) -> bool:
        """True; raises InputError (a ValueError) that names every required parameter without a value."""
        for each in self.values():
            if each.required and each._value is UNSET and each.default is None:
                raise InputError(self._missing())
        return True

    def _missing(self) -> str:
        missing = [
            name for name, each in self.items() if each.required and each.raw is None and not each.is_set
        ]
        names = listed(map(repr, missing))
        if isinstance(self[missing[0]], OutputParameter):
            return f"{self._whose} did not give {names}, declared as required: assign it, or declare it without required=True"
        return f"{self._whose} needs {names}: assign [{missing[0]!r}].value before it runs"

    def lock_all(self) -> None:
        """Refuse other values from now on."""
        for each in self.values():
            each._locked = True

    def unlock_all(self) -> None:
        """Let values be changed."""
        for each in self.values():
            each._locked = False

    def to_dict(self) -> dict[str, Any]:
        """Values by name; stars stand for a sensitive one."""
        return {name: each.plain() for name, each in self.items()}

    # For the engine

    def recorded(self, durable: bool) -> dict[str, Any]:
        """The values that were assigned, as a run records them."""
        return {
            name: each.recorded(durable) if each.sensitive else each._value
            for name, each in self.items()
            if each._value is not UNSET
        }

    def sealed_off(self, durable: bool) -> dict[str, Any]:
        """Lock them, and give the values that were assigned, as a run records them."""
        found = {}
        for name, each in self.items():
            each._locked = True
            if each._value is not UNSET:
                found[name] = each.recorded(durable) if each.sensitive else each._value
        return found

    def restore(self, values: Mapping[str, Any]) -> None:
        """Take recorded values, locked or not; what is no longer declared is left out."""
        for name, value in values.items():
            if name in self:
                self[name].restore(value)

    def reseal(self, values: Mapping[str, Any]) -> None:
        """Hold sensitive values as they were recorded."""
        for name, each in self.items():
            if each.sensitive and name in values:
                each.restore(values[name])

    def fill(self, values: Mapping[str, Any]) -> None:
        """Assign values by name, sealed ones as they are."""
        for name, value in values.items():
            each = self[name]
            if type(value) in (Sealed, Hidden):
                each.restore(value)
            else:
                each.value = value

    def renewed(self) -> ParameterSet:
        """The same parameters without values; what was handed out keeps its own."""
        made = ParameterSet(self._whose)
        made.hides = self.hides
        for name, each in self.items():
            dict.__setitem__(made, name, each.renewed())
        return made

    @property
    def sensitive(self) -> list[str]:
        """The names of the sensitive ones."""
        return [name for name, each in self.items() if each.sensitive]

    def __repr__(self) -> str:
        return f"<parameters of {self._whose}: {listed(self)}>"
