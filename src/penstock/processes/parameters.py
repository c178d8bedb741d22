"""Typed inputs and outputs of a process.

A value that was assigned is not the same as a default: `None` may be assigned where the type admits it. A sensitive value is
shown nowhere, and leaves the process only sealed.
"""

from __future__ import annotations

from typing import Any, Final

from penstock.errors import (
    DefinitionError,
    InputError,
    ParameterLocked,
    ParameterTypeError,
)
from penstock.model.wording import shown
from penstock.processes.fitting import fits, named
from penstock.processes.sealing import seal, unseal
from penstock.processes.secrets import STARS, Hidden, Sealed

UNSET: Final[Any] = type("Unset", (), {"__slots__": (), "__repr__": lambda _: "UNSET"})()


class Answer(int):
    """True or False, whether it is called or not."""

    def __call__(self) -> bool:
        return bool(self)

    def __repr__(self) -> str:
        return repr(bool(self))


_YES, _NO = Answer(1), Answer(0)


class Parameter:
    """A name, a type, and a value that fits it."""

    __slots__ = (
        "__weakref__",
        "_locked",
        "_value",
        "default",
        "description",
        "name",
        "param_type",
        "required",
        "sensitive",
    )

    def __init__(
        self,
        name: str,
        param_type: Any = Any,
        required: bool = False,
        default: Any = None,
        description: str = "",
        *,
        sensitive: bool = False,
    ) -> None:
        self.name = name
        self.param_type = param_type
        self.required = required
        self.default = default
        self.description = description
        self.sensitive = sensitive
        self._value = UNSET
        self._locked = False
        if default is not None and type(default) is not param_type and not fits(default, param_type):
            raise DefinitionError(
                f"parameter {name!r}: its default {self._shown(default)} is {type(default).__name__}, not"
                f" {named(param_type)}: change one of them"
            )

    @property
    def value(self) -> Any:
        """What was assigned, else the default."""
        value = self._value
        if value is UNSET:
            return self.default
        if self.sensitive and type(value) is Sealed:
            value = unseal(
                value, self.param_type
            )  # it is held sealed: in memory, too, it is to be seen nowhere
        return value

    @value.setter
    def value(self, value: Any) -> None:
        """Raises ParameterLocked (a RuntimeError) and ParameterTypeError (a TypeError)."""
        if self._locked:
            raise ParameterLocked(
                f"Parameter locked! {self.name!r} cannot be changed while or after its process ran: execute it again, or"
                " say unlock()"
            )
        if type(value) is not self.param_type and not fits(value, self.param_type):
            raise ParameterTypeError(
                f"parameter {self.name!r} must be {named(self.param_type)}; {self._shown(value)} is"
                f" {type(value).__name__}"
            )
        self._value = value

    @property
    def is_set(self) -> Answer:
        """Whether a value was assigned, be it None."""
        return _NO if self._value is UNSET else _YES

    @property
    def locked(self) -> bool:
        """Whether its value cannot be changed now."""
        return self._locked

    def lock(self) -> None:
        """Refuse other values from now on."""
        self._locked = True

    def unlock(self) -> None:
        """Let the value be changed."""
        self._locked = False

    def unset(self) -> None:
        """As if nothing had been assigned."""
        self._value = UNSET

    def validate(self) -> bool:
        """True; raises InputError (a ValueError) if it is required and has no value."""
        if self.required and self._value is UNSET and self.default is None:
            raise InputError(
                f"parameter {self.name!r} is required and has no value: assign one to its .value"
            )
        return True

    def to_dict(self) -> dict[str, Any]:
        """All there is to know of it; a sensitive value is not shown."""
        return {
            "name": self.name,
            "type": named(self.param_type),
            "required": self.required,
            "default": self._open(self.default),
            "description": self.description,
            "value": self.plain(),
            "is_set": bool(self.is_set),
            "locked": self._locked,
        }

    def plain(self) -> Any:
        """The value for people: stars stand for one that is sensitive."""
        return self._open(self.raw)

    def recorded(self, durable: bool) -> Any:
        """The value as a run records it."""
        value = self._value
        if not self.sensitive or type(value) is Sealed:
            return value
        return seal(value) if durable else Hidden(value)

    @property
    def raw(self) -> Any:
        """The value as it is held: perhaps sealed."""
        return self.default if self._value is UNSET else self._value

    def restore(self, value: Any) -> None:
        """Take what was recorded, whether it is locked or not."""
        self._value = value.value if type(value) is Hidden else value

    def renewed(self) -> Parameter:
        """The same parameter without a value."""
        made: Parameter = object.__new__(type(self))
        made.name, made.param_type, made.required = self.name, self.param_type, self.required
        made.default, made.description, made.sensitive = self.default, self.description, self.sensitive
        made._value, made._locked = UNSET, False
        return made

    def _open(self, value: Any) -> Any:
        return STARS if self.sensitive and value is not None else value

    def _shown(self, value: Any) -> str:
        return "the value" if self.sensitive else shown(value)

    def __repr__(self) -> str:
        said = "unset" if self._value is UNSET else self._shown(self._value)
        return f"<{type(self).__name__} {self.name}: {named(self.param_type)}, {STARS if self.sensitive else said}>"


class InputParameter(Parameter):
    """What a process is given."""

    __slots__ = ()

    def __init__(
        self,
        name: str,
        param_type: Any = Any,
        required: bool = True,
        default: Any = None,
        description: str = "",
        *,
        sensitive: bool = False,
    ) -> None:
        Parameter.__init__(self, name, param_type, required, default, description, sensitive=sensitive)


class OutputParameter(Parameter):
    """What a process gives. Optional unless declared otherwise."""

    __slots__ = ()

    def __init__(
        self,
        name: str,
        param_type: Any = Any,
        description: str = "",
        *,
        required: bool = False,
        sensitive: bool = False,
    ) -> None:
        Parameter.__init__(self, name, param_type, required, None, description, sensitive=sensitive)
