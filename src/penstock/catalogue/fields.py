"""What goes into a workflow and comes of it, as any style says it: names, types, defaults, for people and for programs."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from pathlib import PurePath
from typing import Any, NamedTuple

import msgspec

from penstock.model.wording import shown


class Field(NamedTuple):
    """One input or output. `type` is an annotation, inspect's `empty` where there is none; so is `default`.

    The default of a `sensitive` one is shown to nobody.
    """

    name: str
    type: Any
    required: bool
    default: Any
    description: str = ""
    sensitive: bool = False

    @classmethod
    def of(cls, name: str, said: Any) -> Field:
        """From a style's own parameter, which has an annotation (or a type), a default, and perhaps a description."""
        kind = getattr(said, "annotation", getattr(said, "param_type", inspect.Parameter.empty))
        required = bool(getattr(said, "required", False))
        default = inspect.Parameter.empty if required else getattr(said, "default", None)
        words = str(getattr(said, "description", "") or "")
        sensitive = bool(getattr(said, "sensitive", False))
        return cls(name, kind, required, None if sensitive else default, words, sensitive)

    def document(self) -> dict[str, Any]:
        """For programs: the type as it is written."""
        default = None if self.required else plain(self.default)
        kind = type_name(self.type)
        said = {"name": self.name, "type": kind, "required": self.required, "default": default}
        more = {"description": self.description, "sensitive": self.sensitive}
        return said | {key: value for key, value in more.items() if value}


def fields(said: Any) -> dict[str, Field]:
    """A style's parameters by name."""
    items = said.items() if isinstance(said, Mapping) or hasattr(said, "items") else ()
    return {name: Field.of(name, each) for name, each in items}


def plain(value: Any) -> Any:
    """A value as JSON can say it, else as Python writes it, cut where that is long."""
    try:
        return msgspec.json.decode(msgspec.json.encode(value, enc_hook=_plain_path))
    except (TypeError, ValueError, OverflowError, RecursionError):
        return shown(value)


def _plain_path(value: Any) -> Any:
    if isinstance(value, PurePath):
        return str(value)
    raise TypeError(type(value).__name__)


def type_name(kind: Any) -> str:
    """A type as an author writes it; "any" where there is none."""
    if kind is inspect.Parameter.empty or kind is Any:
        return "any"
    plain_class = isinstance(kind, type) and not getattr(kind, "__args__", None)
    return kind.__name__ if plain_class else str(kind).replace("typing.", "")
