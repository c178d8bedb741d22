"""Rules for users' classes: dataclasses, attrs, msgspec Structs, pydantic models, named tuples, enums.

The value of a record is its fields. They are read off and set back one by one, so that what was computed, frozen or
set after construction comes back as it was; constructors, converters and validators are not asked a second time
(a Struct can only be made by its constructor: its `__post_init__` runs, then the recorded fields are set).
A field added since takes its default; a field removed since is an error that says so, for nothing is dropped silently.
"""

from __future__ import annotations

import enum
import sys
from collections.abc import Callable, Iterable
from functools import cached_property
from typing import Any

import msgspec

from penstock.codecs.refusal import Refusal
from penstock.codecs.rules import Rule
from penstock.model.texts import class_name

_BUILTINS = (str, bytes, bytearray, int, float, complex, dict, list, tuple, set, frozenset)
_ATTRS_HASH = "_attrs_cached_hash"

Defaults = dict[str, Callable[[], Any]]


def tag_of(cls: type) -> str:
    """`module:QualName`."""
    return f"{cls.__module__}:{cls.__qualname__}"


def class_rule(cls: type) -> Rule | None:
    """The rule for a class of one of the kinds above, or None."""
    if isinstance(cls, enum.EnumMeta):
        return _enum_rule(cls)
    if issubclass(cls, tuple) and hasattr(cls, "_fields"):
        return _named_tuple_rule(cls)
    if issubclass(cls, (*_BUILTINS, BaseException)):
        return None  # what the builtin holds would be lost beside the fields
    if issubclass(cls, msgspec.Struct):
        return _struct_rule(cls)
    if _is_pydantic_model(cls):
        return _pydantic_rule(cls)
    if hasattr(cls, "__attrs_attrs__"):
        return _attrs_rule(cls)
    if hasattr(cls, "__dataclass_fields__"):
        return _dataclass_rule(cls)
    return None


def _enum_rule(cls: Any) -> Rule:
    if issubclass(cls, enum.Flag):
        return Rule(tag_of(cls), int, lambda member: member._value_, cls)

    def name(member: Any) -> str:
        if cls.__members__.get(member._name_) is not member:
            raise Refusal(f"{member!r} is no member that {class_name(cls)} lists by name")
        return str(member._name_)

    return Rule(tag_of(cls), str, name, lambda name: cls.__members__[name])


def _record_rule(
    cls: type,
    names: Iterable[str],
    defaults: Defaults,
    build: Callable[[dict[str, Any]], Any],
    may_lack: Iterable[str] = (),
) -> Rule:
    """Fields by name. `build` gets a value for each field; those of `may_lack` only if they were set."""
    fields, optional = tuple(names), frozenset(may_lack)
    known = frozenset(fields)
    stray_slots = tuple(name for name in _slots(cls) if name not in known)

    def encode(record: Any) -> dict[str, Any]:
        state = getattr(record, "__dict__", None)
        if stray_slots or (state and not state.keys() <= known):
            _refuse_strays(cls, known, record, stray_slots)
        try:
            return {name: getattr(record, name) for name in fields}
        except AttributeError:
            present = (name for name in fields if name not in optional or hasattr(record, name))
            return {name: getattr(record, name) for name in present}

    def decode(state: dict[str, Any]) -> Any:
        if state.keys() != known:
            state = _adapted(cls, state, known, defaults, optional)
        return build(state)

    return Rule(tag_of(cls), dict, encode, decode)


def _slots(cls: type) -> set[str]:
    found = set()
    for base in cls.__mro__:
        if "__attrs_attrs__" in vars(base):
            continue  # attrs made them: fields, and caches for what is computed
        slots = vars(base).get("__slots__", ())
        for name in (slots,) if isinstance(slots, str) else slots:
            private = name.startswith("__") and not name.endswith("__")
            found.add(f"_{base.__name__.lstrip('_')}{name}" if private else name)
    return found - {"__dict__", "__weakref__"}


def _refuse_strays(cls: type, known: frozenset[str], record: Any, slots: tuple[str, ...]) -> None:
    """An attribute beside the fields would be lost; what is only remembered (cached) may be."""
    names = {*getattr(record, "__dict__", ()), *(name for name in slots if hasattr(record, name))} - known
    lost = sorted(name for name in names if not _is_cache(cls, name))
    if lost:
        raise Refusal(
            f"{class_name(cls)} carries {', '.join(map(repr, lost))} beside its fields, which would be lost: "
            f"make it a field (init=False will do), or register {cls.__name__}"
        )


def _is_cache(cls: type, name: str) -> bool:
    if name == _ATTRS_HASH or (name.startswith("__") and name.endswith("__")):
        return True
    return any(isinstance(vars(base).get(name), cached_property) for base in cls.__mro__)


def _adapted(
    cls: type, state: dict[str, Any], known: frozenset[str], defaults: Defaults, optional: frozenset[str]
) -> dict[str, Any]:
    """The state of an older or newer version of the class, made to fit this one or refused."""
    removed = sorted(state.keys() - known)
    if removed:
        raise Refusal(f"the class no longer has the field {removed[0]!r}: keep it, or register a decoder")
    complete = dict(state)
    for name in known - state.keys() - optional:
        if name not in defaults:
            raise Refusal(f"the stored value has no {name!r} yet: give it a default, or register a decoder")
        complete[name] = defaults[name]()
    return complete


def _always(value: Any) -> Callable[[], Any]:
    return lambda: value


def _setter(cls: type) -> Callable[[dict[str, Any]], Any]:
    """Makes an instance without its constructor and sets its fields, frozen or not."""

    def build(state: dict[str, Any]) -> Any:
        record: Any = object.__new__(cls)
        for name, value in state.items():
            object.__setattr__(record, name, value)
        return record

    return build


def _dataclass_rule(cls: Any) -> Rule:
    import dataclasses

    fields = dataclasses.fields(cls)
    defaults: Defaults = {}
    for field in fields:
        if field.default_factory is not dataclasses.MISSING:
            defaults[field.name] = field.default_factory
        elif field.default is not dataclasses.MISSING:
            defaults[field.name] = _always(field.default)
    late = [field.name for field in fields if not field.init and field.name not in defaults]
    return _record_rule(cls, [field.name for field in fields], defaults, _setter(cls), late)


def _attrs_rule(cls: Any) -> Rule:
    attr = sys.modules["attr"]
    defaults: Defaults = {}
    for field in cls.__attrs_attrs__:
        if isinstance(field.default, attr.Factory):
            if not field.default.takes_self:
                defaults[field.name] = field.default.factory
        elif field.default is not attr.NOTHING:
            defaults[field.name] = _always(field.default)
    late = [field.name for field in cls.__attrs_attrs__ if not field.init and field.name not in defaults]
    set_fields, caches_hash = _setter(cls), _caches_hash(cls)

    def build(state: dict[str, Any]) -> Any:
        record = set_fields(state)
        if caches_hash:
            object.__setattr__(record, _ATTRS_HASH, None)
        return record

    return _record_rule(cls, [field.name for field in cls.__attrs_attrs__], defaults, build, late)


def _caches_hash(cls: type) -> bool:
    code = getattr(cls.__hash__, "__code__", None)
    return code is not None and _ATTRS_HASH in code.co_names


def _struct_rule(cls: Any) -> Rule:
    fields = msgspec.structs.fields(cls)
    defaults: Defaults = {}
    for field in fields:
        if field.default_factory is not msgspec.NODEFAULT:
            defaults[field.name] = field.default_factory
        elif field.default is not msgspec.NODEFAULT:
            defaults[field.name] = _always(field.default)

    def build(state: dict[str, Any]) -> Any:
        record = cls(**state)
        for name, value in state.items():
            if getattr(record, name) is not value:
                msgspec.structs.force_setattr(record, name, value)
        return record

    return _record_rule(cls, cls.__struct_fields__, defaults, build)


def _named_tuple_rule(cls: Any) -> Rule:
    defaults = {name: _always(value) for name, value in cls._field_defaults.items()}
    fields = cls._fields
    return _record_rule(
        cls, fields, defaults, lambda state: tuple.__new__(cls, [state[name] for name in fields])
    )


def _is_pydantic_model(cls: type) -> bool:
    main = sys.modules.get("pydantic.main")  # a model class exists only where this was imported
    return main is not None and issubclass(cls, main.BaseModel)


def _pydantic_rule(cls: Any) -> Rule:
    """Fields by name; beside extra or private values, or fields left at their default, [fields, set, extra, private]."""
    known = frozenset(cls.model_fields)
    defaults: Defaults = {
        name: lambda field=field: field.get_default(call_default_factory=True)  # type: ignore[misc]  # bound early
        for name, field in cls.model_fields.items()
        if not field.is_required()
    }

    def encode(model: Any) -> Any:
        state = vars(model)
        if not state.keys() <= known:
            _refuse_strays(cls, known, model, ())
        fields = {name: state[name] for name in cls.model_fields if name in state}
        extra, private = model.__pydantic_extra__, model.__pydantic_private__
        if model.__pydantic_fields_set__ == known and not extra and not private:
            return fields
        return [fields, sorted(model.__pydantic_fields_set__), extra or None, private or None]

    def decode(parts: Any) -> Any:
        fields, was_set, extra, private = parts if isinstance(parts, list) else (parts, known, None, None)
        if fields.keys() != known:
            fields = _adapted(cls, fields, known, defaults, frozenset())
        return _pydantic_model(cls, fields, set(was_set), extra, private)

    return Rule(tag_of(cls), object, encode, decode)


def _pydantic_model(cls: Any, fields: Any, was_set: set[str], extra: Any, private: Any) -> Any:
    keeps_extra = cls.model_config.get("extra") == "allow"
    model = cls.__new__(cls)
    model.__setstate__(
        {
            "__dict__": {name: fields[name] for name in cls.model_fields},
            "__pydantic_fields_set__": was_set,
            "__pydantic_extra__": (extra or {}) if keeps_extra else None,
            "__pydantic_private__": (private or {}) if cls.__private_attributes__ else None,
        }
    )
    return model
