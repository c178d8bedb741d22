"""Objects that write chosen attributes as plain values and read them back, for classes of users' own beside routines."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

from penstock.errors import DefinitionError, InputError

C = TypeVar("C", bound="type[Serializable]")

_known: dict[str, type[Serializable]] = {}


class Serializable:
    """`serialize` gives the attributes that were added, plain or Serializable themselves, in lists and dicts too.

    Nothing is imported when they are read: only classes that were registered come back.
    """

    def add_serializable_fields(self, names: Iterable[str]) -> None:
        """Attributes to write."""
        self.__dict__.setdefault("_fields", {}).update(dict.fromkeys(names))

    def remove_serializable_fields(self, names: Iterable[str]) -> None:
        """Attributes to write no more."""
        for name in names:
            self.__dict__.get("_fields", {}).pop(name, None)

    def serialize(self) -> dict[str, Any]:
        """What `deserialize` reads; `_type` names the class."""
        fields = self.__dict__.get("_fields", {})
        return {"_type": type(self).__name__, **{name: _plain(getattr(self, name)) for name in fields}}

    def deserialize(self, data: Mapping[str, Any]) -> None:
        """Take over what was written. Raises InputError for another class's, and for a class that nobody registered."""
        if data.get("_type", type(self).__name__) != type(self).__name__:
            raise InputError(f"this tells of a {data['_type']}, not of a {type(self).__name__}")
        for name, value in data.items():
            if name != "_type":
                setattr(self, name, _read(value))


def register_serializable(cls: C) -> C:
    """Decorator: let objects of this class come back, by the name of the class. It must be made without arguments."""
    other = _known.setdefault(cls.__name__, cls)
    if (other.__module__, other.__qualname__) != (cls.__module__, cls.__qualname__):
        raise DefinitionError(
            f"{other.__module__} has registered a class {cls.__name__!r} already: rename one of them"
        )
    _known[cls.__name__] = cls
    return cls


def _plain(value: Any) -> Any:
    if isinstance(value, Serializable):
        return value.serialize()
    if isinstance(value, Mapping):
        return {name: _plain(each) for name, each in value.items()}
    return [_plain(each) for each in value] if isinstance(value, list | tuple) else value


def _read(value: Any) -> Any:
    if isinstance(value, list):
        return [_read(each) for each in value]
    if not isinstance(value, dict):
        return value
    if "_type" not in value:
        return {name: _read(each) for name, each in value.items()}
    cls = _known.get(value["_type"])
    if cls is None:
        raise InputError(
            f"nobody registered a class {value['_type']!r}: put @register_serializable before it"
        )
    made = cls()
    made.deserialize(value)
    return made
